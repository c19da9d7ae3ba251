/** Sends large reviews from eight connections until it is killed. A separate process, as writing them keeps a core busy. */
import { readFileSync } from 'node:fs';
import { applyLoad, CONNECTIONS } from './load.ts';
import { largeReview } from './reviews.ts';

const [port = '', caFile = '', kind = ''] = process.argv.slice(2);
const ca = readFileSync(caFile, 'utf8');
const body = largeReview(kind === 'findings' ? 'findings' : 'text');
console.log(JSON.stringify({ bytes: body.length }));
const load = { port: Number(port), ca, path: '/validate', body, connections: CONNECTIONS, seconds: 3600 };
await applyLoad(load);
