import { Logger } from '@aws-lambda-powertools/logger';

/** One line per invocation; PINs, keys and personal data never enter it. */
export const log = new Logger();
