import { Agent, request } from 'node:https';

export type ApiAccess = Readonly<{ url: string; token: string; ca: string }>;

export type ApiResponse = Readonly<{
  status: number;
  /** The object as JSON; a string where the answer is none. */
  body: unknown;
  /** Texts of the `Warning` headers, in order; kubectl would print each text once, however often it came. */
  warnings: readonly string[];
}>;

const agent = new Agent({ keepAlive: true });

/** One call to the API server, for what kubectl does not show: status codes, what was stored, every single warning. */
export async function callApi(
  { url, token, ca }: ApiAccess,
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  path: string,
  body?: object,
): Promise<ApiResponse> {
  const headers = {
    authorization: `Bearer ${token}`,
    accept: 'application/json',
    'content-type':
      method !== 'PATCH' ? 'application/json' : `application/${Array.isArray(body) ? 'json' : 'merge'}-patch+json`,
  };
  return new Promise((resolve, reject) => {
    const call = request(new URL(path, url), { method, headers, ca, agent, timeout: 20_000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => {
        resolve({
          status: response.statusCode ?? 0,
          body: parse(Buffer.concat(chunks).toString()),
          warnings: readWarnings(response.rawHeaders),
        });
      });
    });
    call.once('timeout', () => call.destroy(new Error(`no answer to ${method} ${path}`)));
    call.once('error', reject);
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** `299 - "the \"text\""`. Node hands headers over as Latin-1, the API server writes UTF-8. */
function readWarnings(rawHeaders: readonly string[]): readonly string[] {
  return rawHeaders.flatMap((name, at) => {
    if (at % 2 === 1 || name.toLowerCase() !== 'warning') return [];
    const value = Buffer.from(rawHeaders[at + 1] ?? '', 'latin1').toString();
    return [value.replace(/^299 \S+ "|"$/g, '').replaceAll(/\\(.)/g, '$1')];
  });
}
