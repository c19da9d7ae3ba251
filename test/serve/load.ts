import { Agent, request } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { FINE } from './helpers.ts';

type Secured = Pick<TLSSocket, 'getPeerCertificate'>;

const BODY = JSON.stringify(FINE);

export type Answer = Readonly<{
  /** Of the certificate that was shown. */
  fingerprint: string;
  connection: string | undefined;
}>;

/** What a client saw that calls without a pause, a call after the other. */
export type Load = Readonly<{
  answers: readonly Answer[];
  failures: readonly string[];
  /** Ends after the call under way. */
  stop: () => Promise<void>;
}>;

/** Calls again and again: on one connection for as long as the server lets it, or each time on a new one. */
export function startLoad(target: { port: number; ca: string; keepAlive: boolean }): Load {
  const agent = new Agent({ keepAlive: target.keepAlive, maxSockets: 1, maxCachedSessions: 0 });
  const answers: Answer[] = [];
  const failures: string[] = [];
  let stopped = false;
  const done = run();
  return {
    answers,
    failures,
    stop: async () => {
      stopped = true;
      await done;
      agent.destroy();
    },
  };

  async function run(): Promise<void> {
    while (!stopped) {
      try {
        answers.push(await call({ ...target, agent }));
      } catch (error) {
        failures.push(String(error));
      }
    }
  }
}

async function call({ port, ca, agent }: { port: number; ca: string; agent: Agent }): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(BODY) };
    const options = { host: '127.0.0.1', port, path: '/mutate?timeout=3s', method: 'POST', headers, ca, agent };
    const outgoing = request(options, (response) => {
      const fingerprint = (response.socket as unknown as Secured).getPeerCertificate().fingerprint256;
      const { connection } = response.headers;
      let text = '';
      response.setEncoding('utf8').on('data', (data: string) => (text += data));
      response.on('error', reject).on('end', () => {
        if (response.statusCode === 200 && text.includes('"allowed":true')) resolve({ fingerprint, connection });
        else reject(new Error(`${response.statusCode ?? 0} ${text}`));
      });
    });
    outgoing.on('error', reject).end(BODY);
  });
}
