// Loaded into child processes by `--import`: standard input is a pipe from whoever started them, and its end means
// that the other side is gone, however hard it was killed. Nobody stays behind alone.
process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM'));
process.stdin.on('error', () => process.kill(process.pid, 'SIGTERM'));
process.stdin.resume();
// The pipe alone must not keep alive what has finished.
process.stdin.unref();
