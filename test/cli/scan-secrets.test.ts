import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { scan } from '../../src/cli/scan.ts';
import { readManifest } from '../../src/manifest/read-manifests.ts';
import { isRecord } from '../../src/text/json.ts';
import { capturedIo } from '../support/captured-io.ts';
import { NAMESPACES, namespaceOf, PODS } from '../support/cluster-objects.ts';
import type { Json } from '../support/objects.ts';
import { startStandIn } from '../support/stand-in-api-server.ts';
import { writeKubeconfig } from '../support/stand-in-connection.ts';
import { tempFolder } from '../support/temp-folder.ts';

const TRIALS = new URL('../fixtures/trials/', import.meta.url);

/** As the API server stores an object: with a namespace, and `stringData` encoded. */
function store({ stringData, metadata, ...object }: Json): never {
  const texts = Object.entries(isRecord(stringData) ? stringData : {});
  const data = Object.fromEntries(texts.map(([key, text]) => [key, Buffer.from(String(text)).toString('base64')]));
  return {
    ...object,
    ...(texts.length > 0 && { data }),
    metadata: { ...(metadata as Json), namespace: 'default' },
  } as never;
}

/** What is said of each pod, in a cluster that holds the objects of a file. */
async function judge(file: string, policy?: string): Promise<{ code: number; stdout: string }> {
  const objects = readManifest(readFileSync(new URL(file, TRIALS), 'utf8')).objects.map(({ object }) => object as Json);
  const of = (kind: string): never[] =>
    objects.filter((object) => object['kind'] === kind).map((object) => store(object));
  const server = await startStandIn();
  onTestFinished(() => server.stop());
  server.seed(NAMESPACES, [namespaceOf('default')]);
  server.seed('/api/v1/secrets', of('Secret'));
  server.seed('/api/v1/serviceaccounts', [
    store({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } }),
  ]);
  server.seed(PODS, of('Pod'));
  const folder = tempFolder();
  const kubeconfig = writeKubeconfig(server, folder.at('kubeconfig'));
  const io = capturedIo({});
  const config = policy === undefined ? {} : { config: new URL(policy, TRIALS).pathname };
  const code = await scan({ ...config, kubeconfig, secrets: 'all', output: 'text' }, io);
  return { code, stdout: io.printed.stdout };
}

test.each<[file: string, told: RegExp]>([
  ['auth-line-break.yaml', /password ends with a line break/],
  ['identity-token.yaml', /identitytoken/],
  ['placeholder-credentials.yaml', /placeholder/],
  ['cred-helpers.yaml', /kubelet ignores "credHelpers"/],
  ['key-with-space.yaml', /ignores invalid key[^]*ignores invalid key/],
  ['new-form-in-old-type.yaml', /a config\.json in type dockercfg/],
])('of a cluster with %s a warning says what is wrong with the secret', async (file, told) => {
  const { code, stdout } = await judge(file);
  expect(stdout.replaceAll(/\s+/g, ' ')).toMatch(told);
  expect(stdout).not.toMatch(/it is empty|"auths"/);
  expect(code).toBe(0);
});

test('three pods with an image without a key are denied, whatever else they run', async () => {
  const { code, stdout } = await judge('second-image-without-key.yaml', 'second-image-without-key.policy.yaml');
  expect(code).toBe(1);
  expect(stdout).toMatch(
    /Pod\/one .*\n.*other\/app:1[^]*Pod\/three .*\n.*private\/app:1[^]*Pod\/two .*\n.*other\/app:1/,
  );
});
