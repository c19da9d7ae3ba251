import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { Json } from './objects.ts';

/** The browser that is on this machine, if any. */
export const CHROMIUM = ['chromium', 'chromium-browser', 'google-chrome'].find(
  (name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0,
);

export type Page = Readonly<{
  send: (method: string, params?: Json) => Promise<Json>;
  /** The value of an expression in the page; of a promise what comes of it. */
  evaluate: <T>(expression: string) => Promise<T>;
  open: (url: string) => Promise<void>;
  /** Errors and warnings of the page and of the browser about it. */
  complaints: readonly string[];
  /** Addresses that were asked for, that of the page too. */
  requests: readonly string[];
}>;

export type Browser = Readonly<{ newPage: () => Promise<Page>; close: () => Promise<void> }>;

type Message = Readonly<{
  id?: number;
  method?: string;
  sessionId?: string;
  params?: Json;
  result?: Json;
  error?: Readonly<{ message: string }>;
}>;

/** Chromium by the DevTools protocol over a pipe, for which no library is needed. */
export function startChromium(command = CHROMIUM ?? 'chromium'): Browser {
  const profile = mkdtempSync(join(tmpdir(), 'pullguard-chromium-'));
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--remote-debugging-pipe'];
  const child = spawn(command, [...flags, `--user-data-dir=${profile}`, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  });
  const [, , , input, output] = child.stdio as unknown as [null, null, null, Writable, Readable];
  const waiting = new Map<number, { resolve: (result: Json) => void; reject: (error: Error) => void }>();
  const listeners = new Set<(message: Message) => void>();
  let count = 0;
  let rest = '';
  output.setEncoding('utf8');
  output.on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\0');
    rest = parts.pop() ?? '';
    for (const part of parts) take(JSON.parse(part) as Message);
  });
  child.once('exit', () => {
    for (const { reject } of waiting.values()) reject(new Error('Chromium has ended'));
  });

  function take(message: Message): void {
    const call = message.id === undefined ? undefined : waiting.get(message.id);
    if (message.error !== undefined) call?.reject(new Error(message.error.message));
    else call?.resolve(message.result ?? {});
    waiting.delete(message.id ?? -1);
    for (const listener of listeners) listener(message);
  }

  async function send(method: string, params: Json = {}, sessionId?: string): Promise<Json> {
    const id = ++count;
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  async function newPage(): Promise<Page> {
    const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = (await send('Target.attachToTarget', { targetId, flatten: true })) as { sessionId: string };
    const [complaints, requests]: [string[], string[]] = [[], []];
    const events = new Map<string, () => void>();
    listeners.add(({ sessionId: of, method = '', params = {} }) => {
      if (of !== sessionId) return;
      if (method === 'Network.requestWillBeSent') requests.push((params['request'] as { url: string }).url);
      const isComplaint = ['Runtime.exceptionThrown', 'Runtime.consoleAPICalled', 'Log.entryAdded'].includes(method);
      if (isComplaint) complaints.push(JSON.stringify(params));
      events.get(method)?.();
    });
    const call = async (method: string, params?: Json): Promise<Json> => send(method, params, sessionId);
    for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await call(`${domain}.enable`);
    return {
      send: call,
      evaluate: async <T>(expression: string) => {
        const answer = await call('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true });
        const { result, exceptionDetails } = answer as { result: { value: T }; exceptionDetails?: Json };
        if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
        return result.value;
      },
      open: async (url) => {
        const loaded = new Promise<void>((resolve) => events.set('Page.loadEventFired', resolve));
        await call('Page.navigate', { url });
        await loaded;
      },
      complaints,
      requests,
    };
  }

  return {
    newPage,
    close: async () => {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      await send('Browser.close').catch(() => undefined);
      await exited;
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
