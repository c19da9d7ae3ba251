import { startDockerRegistry } from '../support/docker-registry.ts';
import { startFaultRegistry, type Answer } from '../support/fault-registry.ts';
import { makeRegistryCertificates } from '../support/registry-certificates.ts';
import { makeIndex, type TestImage } from '../support/registry-images.ts';
import { answerOpenly, answerWithTokens, FAULTS, listenDeaf } from './faults.ts';
import { makeChart, makeNoise, NODE_PLATFORM, OTHER_PLATFORM, type ImageMaker } from './images.ts';

export const SWR = 'swr.eu-de.otc.t-systems.com';
export const HARBOR = 'harbor.example.com';
export const TOKENS = 'tokens.example.com';
/** Wants a login, and is in no policy: what is known of its images is what their secrets say. */
export const UNASKED = 'unasked.example.com';
export const PUBLIC = 'public.example.com';
export const PLAIN = 'plain.example.com:5000';
/** Its one image does not fit on the disk of the node. */
export const LARGE = 'large.example.com';
/** Sends a layer half, and then stalls. */
export const STALLED = 'stalled.example.com';

/** What listens where: names are alike for kubelet and pullguard, as both read `/etc/hosts`. */
const ADDRESSES = {
  [SWR]: '127.0.0.11',
  [HARBOR]: '127.0.0.12',
  [PUBLIC]: '127.0.0.13',
  [UNASKED]: '127.0.0.21',
  'stranger.example.com': '127.0.0.14',
  'plain.example.com': '127.0.0.15',
  'no-tls.example.com': '127.0.0.15',
  [TOKENS]: '127.0.0.16',
  [LARGE]: '127.0.0.16',
  [STALLED]: '127.0.0.16',
  'refused.example.com': '127.0.0.17',
  'expired.example.com': '127.0.0.18',
  'other-name.example.com': '127.0.0.19',
  'deaf.example.com': '127.0.0.20',
  ...Object.fromEntries(Object.keys(FAULTS).map((host) => [host, '127.0.0.16'])),
};
export const HOSTS: Readonly<Record<string, string>> = ADDRESSES;

/** What an address says of itself. `image`: the repository and the tag or digest behind the host. */
export type Catalogue = Readonly<{
  /** The certificate of the CA that nodes and pullguard trust. */
  ca: string;
  /** Images that are there and run, on the registries that work, as written behind the host. */
  good: Readonly<Record<string, readonly string[]>>;
  /** Such as are there and do not run here, or are not there. */
  bad: Readonly<Record<string, readonly string[]>>;
}>;

/** So many that hardly any image is pulled twice: what is on the node already would run in spite of its registry. */
const TAGS = Array.from({ length: 40 }, (_, at) => `1.${at}`);
const ABSENT = ['team/app:9.9', 'team/absent:1.0', 'team/app', `team/app@sha256:${'0'.repeat(64)}`];

/** Starts all registries. They end with the process, whose network and processes nobody else has. */
export async function startRegistries(makeImage: ImageMaker, large: TestImage): Promise<Catalogue> {
  const names = Object.keys(ADDRESSES).filter((name) => name !== 'other-name.example.com');
  const certificates = await makeRegistryCertificates([...names, ...new Set(Object.values(ADDRESSES))]);
  const { ca, valid, unknown, expired, wrongName } = certificates;
  const start = async (host: string, options: object): Promise<readonly string[]> => {
    const address = HOSTS[host.replace(/:.*/, '')]!;
    const registry = await startDockerRegistry({ address, port: 443, certificates: { ca, ...valid }, ...options });
    const { push } = registry;
    const byDigest = makeImage();
    const byBoth = makeImage();
    await push('team/app', 'by-digest', byDigest);
    await push('team/app', 'by-both', byBoth);
    await push('team/other', '1.0', makeIndex({ [NODE_PLATFORM]: makeImage(), [OTHER_PLATFORM]: makeImage('other') }));
    await push('team/foreign', '1.0', makeIndex({ [OTHER_PLATFORM]: makeImage('other') }));
    await push('team/chart', '1.0', makeChart());
    // The layer, which all have, is there by now.
    const [, ...more] = [byDigest, ...TAGS.map(() => makeImage())].map((image) => ({
      ...image,
      blobs: image.blobs.slice(0, 1),
    }));
    await Promise.all(more.map(async (image, at) => push('team/app', TAGS[at]!, image)));
    return [
      'team/other:1.0',
      `team/app@${byDigest.digest}`,
      `team/app:by-both@${byBoth.digest}`,
      ...TAGS.map((tag) => `team/app:${tag}`),
    ];
  };
  const good = {
    [SWR]: await start(SWR, { login: true }),
    [HARBOR]: await start(HARBOR, { login: true }),
    [UNASKED]: await start(UNASKED, { login: true }),
    [PUBLIC]: await start(PUBLIC, {}),
    [PLAIN]: await start(PLAIN, { plainHttp: true, port: 5000 }),
    [TOKENS]: TAGS.map((tag) => `team/app:${tag}`),
  };
  for (const [host, pair] of [
    ['expired.example.com', expired],
    ['other-name.example.com', wrongName],
    ['stranger.example.com', unknown],
  ] as const) {
    await startFaultRegistry(FAULTS['denied.example.com']!, { tls: pair, address: HOSTS[host]!, port: 443 });
  }
  const served = serveByTokens(makeImage);
  const answers: Readonly<Record<string, Answer>> = {
    ...FAULTS,
    [TOKENS]: served,
    [LARGE]: answerOpenly(large),
    [STALLED]: answerOpenly(makeNoise(), { stalls: true }),
  };
  const choose: Answer = (request, response) => {
    answers[(request.headers.host ?? '').replace(/:443$/, '')]?.(request, response);
  };
  await startFaultRegistry(choose, { tls: valid, address: HOSTS[TOKENS]!, port: 443 });
  await listenDeaf(HOSTS['deaf.example.com']!);
  const unfit = ['team/foreign:1.0', 'team/chart:1.0'];
  return {
    ca,
    good,
    bad: {
      [SWR]: [...ABSENT, ...unfit],
      [HARBOR]: [...ABSENT, ...unfit],
      [PUBLIC]: [...ABSENT, ...unfit],
      [PLAIN]: ABSENT,
      [TOKENS]: [...ABSENT, ...unfit, 'team/sparse:1.0', 'team/old:1.0'],
    },
  };
}

function serveByTokens(makeImage: ImageMaker): Answer {
  const lost = makeImage();
  const old = makeSchema1();
  const images = new Map<string, TestImage>([
    ...TAGS.map((tag) => [`team/app:${tag}`, makeImage()] as const),
    ['team/foreign:1.0', makeIndex({ [OTHER_PLATFORM]: makeImage('other') })],
    ['team/chart:1.0', makeChart()],
    ['team/sparse:1.0', makeIndex({ [NODE_PLATFORM]: lost, [OTHER_PLATFORM]: makeImage('other') })],
    ['team/old:1.0', old],
  ]);
  return answerWithTokens(TOKENS, { images, omitted: [lost] });
}

/** A manifest in the format that Docker had until 2016. */
function makeSchema1(): TestImage {
  const image = { schemaVersion: 1, name: 'team/old', tag: '1.0', architecture: 'amd64', fsLayers: [], history: [] };
  const bytes = Buffer.from(JSON.stringify(image));
  return {
    mediaType: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
    digest: `sha256:${'1'.repeat(64)}`,
    bytes,
    blobs: [],
    images: [],
    pulledBytes: 0,
  };
}
