import { describe, expect, onTestFinished, test } from 'vitest';
import { check, type CheckOptions } from '../../src/cli/check.ts';
import { choosePolicyText, findPolicyFile, type PolicyOptions } from '../../src/cli/choose-policy.ts';
import { image } from '../../src/cli/image.ts';
import { UsageError } from '../../src/cli/io.ts';
import { scan } from '../../src/cli/scan.ts';
import { capturedIo } from '../support/captured-io.ts';
import { DEPLOYMENTS, deploymentOf, NAMESPACES, namespaceOf } from '../support/cluster-objects.ts';
import type { Json } from '../support/objects.ts';
import { startStandIn, type StandInApiServer } from '../support/stand-in-api-server.ts';
import { writeKubeconfig } from '../support/stand-in-connection.ts';
import { tempFolder } from '../support/temp-folder.ts';

const HEAD = 'apiVersion: pullguard.dev/v1alpha1\nkind: Policy\n';
const STRICT = `${HEAD}rules: { tag-explicit: deny }\n`;
const POD = 'apiVersion: v1\nkind: Pod\nmetadata: { name: a }\nspec: { containers: [{ name: web, image: nginx }] }\n';

describe('the policy of a folder tree', () => {
  test.each<[what: string, files: readonly string[], path: string, found: string | undefined]>([
    ['beside the file', ['a/b/.pullguard.yaml', '.pullguard.yaml'], 'a/b/pod.yaml', 'a/b/.pullguard.yaml'],
    ['in the folder itself', ['a/.pullguard.yaml'], 'a', 'a/.pullguard.yaml'],
    ['above the file', ['.pullguard.yaml'], 'a/b/pod.yaml', '.pullguard.yaml'],
    ['above a file that does not exist', ['.pullguard.yaml'], 'a/no/such/*.yaml', '.pullguard.yaml'],
    ['in the root of the repository', ['a/.git/HEAD', 'a/.pullguard.yaml'], 'a/b/pod.yaml', 'a/.pullguard.yaml'],
    ['in the root of a worktree, whose .git is a file', ['a/.git', '.pullguard.yaml'], 'a/b/pod.yaml', undefined],
    ['not above the repository', ['a/.git/HEAD', '.pullguard.yaml'], 'a/b/pod.yaml', undefined],
    ['not below the path', ['a/b/.pullguard.yaml', '.git/HEAD'], 'a', undefined],
  ])('is found %s', (_what, files, path, found) => {
    const folder = tempFolder();
    folder.write('a/b/pod.yaml', POD);
    for (const file of files) folder.write(file, STRICT);
    expect(findPolicyFile(folder.at(path))).toBe(found && folder.at(found));
  });

  test('with the other ending is not passed over in silence', () => {
    const folder = tempFolder();
    folder.write('.pullguard.yml', STRICT);
    expect(() => findPolicyFile(folder.at('pod.yaml'))).toThrow(
      /\.pullguard\.yml is not read: rename it to \.pullguard/,
    );
  });

  test('is what check checks by, and is named', async () => {
    const folder = tempFolder();
    const file = folder.write('.pullguard.yaml', STRICT);
    const io = capturedIo();
    expect(await check([folder.write('a/pod.yaml', POD)], { output: 'json' }, io)).toBe(1);
    expect(io.printed.stderr).toBe(`using the policy of ${file}\n`);
    expect((JSON.parse(io.printed.stdout) as { findings: unknown[] }).findings).toEqual([
      expect.objectContaining({ rule: 'tag-explicit', action: 'deny' }),
    ]);
  });

  test('gives way to --config, which needs no naming', async () => {
    const folder = tempFolder();
    folder.write('.pullguard.yaml', 'broken');
    const config = folder.write('policy.yaml', STRICT);
    const io = capturedIo();
    expect(await check([folder.write('pod.yaml', POD)], { config, output: 'text' }, io)).toBe(1);
    expect(io.printed.stderr).toBe('');
  });

  test('is what image explains by: that of the working directory', async () => {
    const folder = tempFolder();
    folder.write('.pullguard.yaml', `${HEAD}mirrors: [{ from: docker.io, to: mirror.example.com/hub }]\n`);
    const before = process.cwd();
    onTestFinished(() => {
      process.chdir(before);
    });
    process.chdir(folder.path);
    const io = capturedIo();
    await image(['nginx:1'], { output: 'text' }, io);
    expect(io.printed.stdout).toContain('mirror      mirror.example.com/hub/library/nginx:1\n');
    expect(io.printed.stderr).toBe('using the policy of .pullguard.yaml\n');
  });

  test('with a mistake is refused with its place, and not replaced by the built-in one', async () => {
    const folder = tempFolder();
    const file = folder.write('.pullguard.yaml', `${HEAD}mirors: []\n`);
    const run = check([folder.write('pod.yaml', POD)], { output: 'text' }, capturedIo());
    await expect(run).rejects.toThrow(`the policy cannot be used:\n${file}:3:1: unknown key "mirors"`);
  });

  test('has to be one for all paths: which of two is meant, only the user knows', async () => {
    const folder = tempFolder();
    for (const name of ['a/.pullguard.yaml', 'b/.pullguard.yaml', '.git/HEAD']) folder.write(name, STRICT);
    const paths = ['a/1.yaml', 'a/2.yaml'].map((name) => folder.write(name, POD));
    expect(await choosePolicyText(paths, {})).toMatchObject({ source: folder.at('a/.pullguard.yaml') });
    for (const other of ['b/1.yaml', '1.yaml'])
      await expect(choosePolicyText([...paths, folder.at(other)], {})).rejects.toThrow(/different policies .*--config/);
  });
});

test('a policy below the path is not used, and that is said', async () => {
  const folder = tempFolder();
  for (const name of ['.pullguard.yaml', 'a/.pullguard.yaml', 'charts/.pullguard.yaml']) folder.write(name, HEAD);
  folder.write('a/pod.yaml', POD);
  const run = async (options: Partial<CheckOptions>): Promise<string> => {
    const io = capturedIo();
    await check([folder.path], { output: 'text', ...options }, io);
    return io.printed.stderr.replaceAll(`${folder.path}/`, '').replaceAll(folder.path, 'ROOT');
  };
  expect(await run({ exclude: ['charts'] })).toBe(
    'using the policy of .pullguard.yaml\na/.pullguard.yaml is not used, as one policy is for all paths of a call: check a by itself, and leave it out here with --exclude\n',
  );
  expect(await run({ config: folder.at('.pullguard.yaml') })).toBe('');
});

describe('the policy of a cluster', () => {
  const PATH = '/api/v1/namespaces/pullguard/configmaps/pullguard-policy';

  async function start(): Promise<Readonly<{ server: StandInApiServer; options: PolicyOptions }>> {
    const server = await startStandIn();
    onTestFinished(() => server.stop());
    return {
      server,
      options: { policyFromCluster: true, kubeconfig: writeKubeconfig(server, tempFolder().at('config')) },
    };
  }

  function configMap(data: Json): Json {
    return {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: 'pullguard', name: 'pullguard-policy' },
      data,
    };
  }

  test('is that of the ConfigMap that the manifests install', async () => {
    const { server, options } = await start();
    server.seed('/api/v1/configmaps', [configMap({ 'policy.yaml': STRICT })]);
    const io = capturedIo();
    expect(await check([tempFolder().write('pod.yaml', POD)], { ...options, output: 'text' }, io)).toBe(1);
    expect(io.printed.stderr).toBe('using the policy of ConfigMap pullguard/pullguard-policy\n');
  });

  test('that is not installed, or has no policy, is told with what to do', async () => {
    const { server, options } = await start();
    await expect(choosePolicyText([], options)).rejects.toThrow(
      /does not exist in the cluster .*: install pullguard, /,
    );
    server.seed('/api/v1/configmaps', [configMap({ other: 'x' })]);
    await expect(choosePolicyText([], options)).rejects.toThrow(/has no text under data\["policy.yaml"\]: apply/);
  });

  test('that may not be read is told with the right that is missing', async () => {
    const { server, options } = await start();
    server.failNext({ status: 403, reason: 'Forbidden', path: PATH });
    await expect(choosePolicyText([], options)).rejects.toThrow(
      /: ask the cluster admin for get of configmaps in namespace pullguard/,
    );
  });

  test('is what scan checks by, unless it may not be read, which is said, or is not there', async () => {
    const { server, options } = await start();
    server.seed(NAMESPACES, [namespaceOf('shop')]);
    server.seed(DEPLOYMENTS, [deploymentOf('shop', 'web', 'nginx')]);
    const run = async () => {
      const io = capturedIo();
      const { kubeconfig = '' } = options;
      const code = await scan({ kubeconfig, secrets: 'none', output: 'text' }, io);
      return { code, stderr: io.printed.stderr };
    };
    expect(await run()).toEqual({ code: 0, stderr: '' });
    server.seed('/api/v1/configmaps', [configMap({ 'policy.yaml': STRICT })]);
    expect(await run()).toEqual({ code: 1, stderr: 'using the policy of ConfigMap pullguard/pullguard-policy\n' });
    server.failNext({ status: 403, reason: 'Forbidden', path: PATH });
    const { code, stderr } = await run();
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^using the built-in policy: ConfigMap .* cannot be read: .*: ask the cluster admin for get of/,
    );
  });

  test('is asked for by a flag alone', async () => {
    await expect(choosePolicyText([], { context: 'prod' })).rejects.toThrow(UsageError);
  });
});
