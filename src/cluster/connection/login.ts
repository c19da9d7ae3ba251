import type { RequestOptions } from 'node:https';
import { isDeepStrictEqual } from 'node:util';
import type { KubeConfig } from '@kubernetes/client-node';
import type { Headers, RequestInit } from 'node-fetch';

/**
 * How long a connection waits for its next call. API servers close idle ones after 90 s, load balancers before them after
 * 60 s, and a call that is on its way at that moment fails; a Lease is renewed every few seconds.
 */
const IDLE_CONNECTION_MS = 15_000;

/** Who we are, for one call, and the connections it may use. */
export type Login = Readonly<{ headers: Headers; agent: RequestInit['agent'] }>;

/**
 * Logs in anew for each call, as tokens change: a service account's file is read again, an exec plugin asked again.
 * client-node makes new connections for each call with it. We go on with those we have, as long as the CA and the client
 * certificate, which a connection is made with, are the same.
 */
export function createLogin(config: KubeConfig): () => Promise<Login> {
  let current: Readonly<{ agent: RequestInit['agent']; tls: RequestOptions }> | undefined;
  return async () => {
    const options: RequestOptions = { timeout: IDLE_CONNECTION_MS };
    const { agent, headers } = await config.applyToFetchOptions(options);
    const tls = { ...options, agent: undefined, headers: undefined, auth: undefined };
    // The connections of the one before are not closed: watches use them. Idle ones close by themselves.
    if (!isDeepStrictEqual(tls, current?.tls)) current = { agent: keepAlive(agent), tls };
    return { headers: headers as Headers, agent: current?.agent };
  };
}

/** client-node has no option for it. Agents of proxies too take it from this property, which types do not know. */
function keepAlive(agent: RequestInit['agent']): RequestInit['agent'] {
  return typeof agent === 'object' ? Object.assign(agent, { keepAlive: true }) : agent;
}
