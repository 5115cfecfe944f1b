import asyncapi from '../../shared/api/asyncapi.json' with { type: 'json' };
import openapi from '../../shared/api/openapi.json' with { type: 'json' };
import { referencePages } from './pages.ts';

/** The reference of this very version. */
export const referenceFiles = (): Map<string, string> => referencePages(openapi, asyncapi);
