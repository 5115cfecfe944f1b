/** A setting that the stack gives every function that needs it; missing means the stack is wrong, so it is said at once. */
export const env = (name: string): string => {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`the environment variable ${name} is not set`);
  return value;
};
