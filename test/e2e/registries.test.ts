import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasDockerRegistry, startDockerRegistry, USER, type DockerRegistry } from '../support/docker-registry.ts';
import { startFaultRegistry, type FaultRegistry } from '../support/fault-registry.ts';
import { makeImage } from '../support/registry-images.ts';
import { unregister, useCluster } from './fixture.ts';
import { startInCluster } from './in-cluster.ts';
import { installManifests, readMetrics } from './install.ts';
import { warningsIn } from './kubectl.ts';
import { make, makePullSecret, type PodSpec } from './objects.ts';
import { findFreePorts, waitFor } from './processes.ts';
import { isErrorLine, type Pullguard } from './pullguard-process.ts';

const cluster = useCluster('registries');
const { kubectl, apply, get } = cluster;

const MIB = 2 ** 20;

/** The one secret whose content pullguard may read, as it is installed. */
const SECRET = 'default-secret';

describe.skipIf(!hasDockerRegistry())('images on a real registry, with TLS and a login', () => {
  let registry: DockerRegistry;
  let stranger: DockerRegistry;
  /** Answers when kubectl has its answer, that there is no such image. */
  let slow: FaultRegistry;
  let nobody: string;
  let pullguard: Pullguard;

  beforeAll(async () => {
    registry = await startDockerRegistry({ login: true });
    // Its CA is in no policy.
    stranger = await startDockerRegistry();
    slow = await startFaultRegistry((_request, response) => {
      setTimeout(() => {
        response.writeHead(404, { 'Content-Type': 'application/json' });
        response.end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}');
      }, 4000);
    });
    const [freePort = 0] = await findFreePorts(1);
    nobody = `127.0.0.1:${freePort}`;
    await registry.push('team/app', '1.4', makeImage([1000]));
    await registry.push('team/large', '1', makeImage([2 * MIB]));
    await registry.push('hub/library/nginx', '1.25', makeImage([1000]));
    await installManifests(cluster, 'overlays/nodes');
    await capAt('warn');
    pullguard = await startInCluster(cluster, { policy: makePolicy(), flags: ['--watch-nodes'] });
  });

  afterAll(async () => {
    await unregister(cluster);
    await pullguard.stop();
    await registry.stop();
    await stranger.stop();
    await slow.close();
    const log = pullguard.readLog();
    expect(log.filter(isErrorLine), 'errors in the log of pullguard').toEqual([]);
    expect(JSON.stringify(log), 'credentials in the log of pullguard').not.toMatch(secrets());
  });

  function makePolicy(): object {
    const addresses = ['127.0.0.0/8'];
    return {
      apiVersion: 'pullguard.dev/v1alpha1',
      kind: 'Policy',
      registries: [
        { hosts: [registry.host], pullSecret: SECRET, probe: { ca: registry.ca, addresses } },
        { hosts: [stranger.host, nobody], probe: { addresses } },
        { hosts: [slow.host], probe: { addresses, plainHttp: true } },
      ],
      mirrors: [{ from: 'docker.io', to: `${registry.host}/hub` }],
      rules: { 'image-pullable': 'deny', 'image-fits': { limitMiB: 1 }, 'mirror-used': { verify: true } },
      // A test should not have to wait for what it changed.
      probe: { wait: '2s', waitForControllers: '2s', cache: { positive: '1s', negative: '1s', error: '1s' } },
    };
  }

  function secrets(): RegExp {
    return new RegExp([USER.password, 'wr0ng-s3cret', encode(USER.password), encode('wr0ng-s3cret')].join('|'));
  }

  function encode(password: string): string {
    return Buffer.from(`${USER.username}:${password}`).toString('base64');
  }

  async function applySecret(password: string): Promise<void> {
    await apply(makePullSecret(SECRET, registry.host, `${USER.username}:${password}`));
  }

  /** The most that may be done in the namespace of these tests. */
  async function capAt(mode: 'warn' | 'deny'): Promise<void> {
    const { code, stderr } = await kubectl(`label namespace registries pullguard.dev/mode=${mode} --overwrite`);
    expect(code, stderr).toBe(0);
  }

  const podOf = (image: string): PodSpec => ({
    containers: [{ name: 'app', image }],
    imagePullSecrets: [{ name: SECRET }],
  });

  let made = 0;

  /** What kubectl prints as it applies a new Deployment. What is known of the cluster and of registries follows by a moment. */
  async function expectWarnings(spec: PodSpec | string, expected: readonly RegExp[]): Promise<void> {
    made += 1;
    const deployment = make('Deployment', `app-${made}`, typeof spec === 'string' ? podOf(spec) : spec);
    await waitFor(async () => {
      const warnings = warningsIn(await apply(deployment, '--dry-run=server'));
      return warnings.length === expected.length && expected.every((text, at) => text.test(warnings[at] ?? ''));
    }, 5);
    const applied = await apply(deployment);
    expect(applied.stdout).toBe(`deployment.apps/app-${made} created\n`);
    expect(warningsIn(applied)).toEqual(expected.map((text) => expect.stringMatching(text) as string));
    expect(applied.stdout + applied.stderr).not.toMatch(secrets());
  }

  test('with the right password there is nothing to say', async () => {
    await applySecret(USER.password);
    await expectWarnings(`${registry.host}/team/app:1.4`, []);
    expect(await readMetrics(pullguard)).toMatch(/^pullguard_probes_total\{outcome="ok"\} [1-9]/m);
  });

  test('a template is judged with the pull secret that its pods will get', async () => {
    const spec = { containers: [{ name: 'app', image: `${registry.host}/team/app:1.4` }] };
    await expectWarnings(spec, [/Pods get imagePullSecret "default-secret" .*\(pull-secret-present\)$/]);
  });

  test('the wrong password is told, and no longer once the secret is right', async () => {
    await applySecret('wr0ng-s3cret');
    const image = `${registry.host}/team/app:1.4`;
    await expectWarnings(image, [
      /refused the credentials of pull secret "default-secret" \(unauthorized\).*\(image-pullable\)$/,
    ]);
    await applySecret(USER.password);
    await expectWarnings(image, []);
  });

  test('a tag that is not there', async () => {
    await expectWarnings(`${registry.host}/team/app:9.9`, [/ has no tag "9\.9" in team\/app.*\(image-pullable\)$/]);
  });

  test('a certificate of an unknown CA', async () => {
    await expectWarnings(`${stranger.host}/team/app:1.4`, [/unknown.*\(image-pullable\)$/]);
  });

  test('a registry that cannot be reached', async () => {
    await expectWarnings(`${nobody}/team/app:1.4`, [
      / is unreachable from pullguard \(connection refused\).*\(image-pullable\)$/,
    ]);
  });

  test('a registry that is late is named at once, and what it answers is an Event that kubectl describe shows', async () => {
    const applied = await apply(
      make('Deployment', 'late', { containers: [{ name: 'app', image: `${slow.host}/team/app:1` }] }),
    );
    expect(warningsIn(applied)).toEqual([
      `notice: Deployment/late container "app": "${slow.host}/team/app:1": registry ${slow.host} has not answered within 2 s: if the image cannot be pulled, the result will be an Event on this Deployment (image-pullable)`,
    ]);
    const { metadata } = await get('deployment late');
    const fields = `involvedObject.uid=${metadata.uid},reason=ImagePullMayFail`;
    await waitFor(async () => (await kubectl(`get events --field-selector ${fields} -o name`)).stdout !== '', 15);
    const { stdout } = await kubectl('describe deployment late');
    expect(stdout).toMatch(/Warning +ImagePullMayFail .*\/team\/app.*\(image-pullable\)/);
  });

  test('an image that is larger than the limit', async () => {
    await expectWarnings(`${registry.host}/team/large:1`, [
      / MiB \(compressed\), above the limit of 1 MiB.*\(image-fits\)$/,
    ]);
  });

  test('what can be pulled by nobody is refused where the policy says so, with the cause and the next step', async () => {
    await capAt('deny');
    try {
      const deployment = make('Deployment', 'refused', podOf(`${registry.host}/team/app:9.9`));
      const create = async (flags: string) => kubectl(`create ${flags} -f -`, { stdin: deployment });
      await waitFor(async () => (await create('--dry-run=server')).code !== 0, 5);
      expect((await create('--output=name')).stderr).toMatch(
        /denied the request: container "app": spec\.template\.spec\.containers\[0\]\.image: Invalid value: ".*": .* has no tag "9\.9" in team\/app .*: fix the tag, or push the image \(image-pullable\)/,
      );
    } finally {
      await capAt('warn');
    }
  });

  test('a node that has no space for it', async () => {
    await applyNode('small', { conditions: [{ type: 'DiskPressure', status: 'True' }] });
    try {
      await expectWarnings({ ...podOf(`${registry.host}/team/app:1.4`), nodeSelector: { pool: 'small' } }, [
        /the only eligible node "small" has DiskPressure.*\(image-fits\)$/,
      ]);
    } finally {
      await kubectl('delete node small');
    }
  });

  async function applyNode(name: string, status: object): Promise<void> {
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { pool: name } } };
    await apply(node);
    const patch = JSON.stringify({ status });
    const { code, stderr } = await kubectl(['patch', 'node', name, '--subresource=status', '--patch', patch]);
    expect(code, stderr).toBe(0);
  }

  describe('a mirror that is asked whether it has the image', () => {
    /** Applies a pod that names no pull secret. */
    async function applyPod(name: string, image: string) {
      const pod = make('Pod', name, image);
      await waitFor(async () => warningsIn(await apply(pod, '--dry-run=server')).length > 0, 5);
      const warnings = warningsIn(await apply(pod));
      const { spec } = await get(`pod ${name}`);
      return { warnings, image: spec.containers[0]?.image, pullSecrets: spec.imagePullSecrets ?? [] };
    }

    test('gives it to the pod if it has, with the pull secret that it needs there', async () => {
      expect(await applyPod('mirrored', 'nginx:1.25')).toEqual({
        warnings: [
          expect.stringMatching(/replaced "nginx:1\.25" with the mirror's .*\(mirror-used\)$/),
          expect.stringMatching(/added imagePullSecret "default-secret" .*\(pull-secret-present\)$/),
        ],
        image: `${registry.host}/hub/library/nginx:1.25`,
        pullSecrets: [{ name: SECRET }],
      });
    });

    test('leaves the pod as it is if it has not, and says how to push it there', async () => {
      expect(await applyPod('unmirrored', 'redis:7')).toEqual({
        warnings: [
          expect.stringContaining(
            `skopeo copy --all docker://docker.io/library/redis:7 docker://${registry.host}/hub/library/redis:7`,
          ),
        ],
        image: 'redis:7',
        pullSecrets: [],
      });
    });
  });
});
