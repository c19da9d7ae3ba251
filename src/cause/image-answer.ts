/**
 * What a registry said of an image. The list is closed: each outcome is a check item of the FAQ, and a rule has a message
 * and a remedy for each. Nothing in it is text of the registry's.
 */
export type ImageAnswer = Readonly<{
  /** Who was asked, `registry.example.com:443`. */
  endpoint: string;
}> &
  Readonly<PullableImage | FailedPull>;

export type PullableImage = {
  outcome: 'ok';
  /** Of the manifest or index that the reference leads to. */
  digest: string;
  /** For each platform that was asked about and is there; empty when nobody asked, as a budget was used up. */
  sizes: readonly PlatformSize[];
  /** Platforms that the image has; undefined when it does not say, as an image for one platform may. */
  platforms: readonly string[] | undefined;
};

/** Bytes of all layers and the configuration as the registry sends them, compressed; on a node they take more. */
export type PlatformSize = Readonly<{ platform: string; bytes: number }>;

export type FailedPull =
  /** Items 1 and 3. `login`: the user and password are wrong, or there are none; `access`: they are right and not enough. */
  | { outcome: 'denied'; asked: 'anonymously' | 'with-credentials'; lacks: 'login' | 'access' }
  /**
   * Items 2 and 3: `repository` where the registry says that it is all of it that is not there. `mayBeHidden`: the pod may have
   * credentials that nobody could read, and some registries say this to everybody else.
   */
  | { outcome: 'not-found'; missing: 'repository' | 'image'; mayBeHidden?: true }
  /** Item 5. */
  | { outcome: 'certificate'; problem: CertificateProblem }
  /** Item 7. */
  | { outcome: 'unreachable'; cause: UnreachableCause }
  /** Item 8. Milliseconds since 1970; undefined when the registry does not say. */
  | { outcome: 'rate-limited'; endsAt: number | undefined }
  /** Whatever a working registry does not do. `said` is ours, `HTTP 503`, `no manifest`, without a full stop. */
  | { outcome: 'broken'; said: string };

/** `wrong-name`: it is not for the host that was asked. */
export type CertificateProblem = 'unknown' | 'expired' | 'wrong-name';

/**
 * `dns`: its name is not known; `no-route`: the network leads nowhere; `refused`: nobody listens; `reset`: it hung up;
 * `timeout`: it did not answer in time.
 */
export type UnreachableCause = 'dns' | 'no-route' | 'refused' | 'reset' | 'timeout';
