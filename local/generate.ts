/** npm run generate: all that follows from the code. The client's types follow from the document, so they come last. */
await import('../shared/api/generate.ts');
await import('./bank-protocol.ts');
await import('../client/generate.ts');
