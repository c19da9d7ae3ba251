import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { publish, type Release, type Run } from '../../scripts/publish.ts';
import { PLATFORMS, REPOSITORY } from '../../scripts/release.ts';
import { HELM } from '../manifests/helm.ts';
import { KUBECTL } from '../manifests/kustomize.ts';
import { ROOT } from '../manifests/manifests.ts';
import { tempFolder } from '../support/temp-folder.ts';

const { version, repository } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  version: string;
  repository: { url: string };
};

function script(name: string, ...args: readonly string[]) {
  const node = ['--import', 'tsx', join(ROOT, `scripts/${name}.ts`), ...args];
  return spawnSync(process.execPath, node, { cwd: ROOT, encoding: 'utf8' });
}

describe.skipIf(!HELM || !KUBECTL)('the folder of a release', () => {
  test('has the package, the chart, the SBOM, a manifest for krew with the hash of each binary, and checksums', () => {
    const folder = tempFolder();
    for (const platform of PLATFORMS) folder.write(`pullguard-${platform}.tar.gz`, `stands for ${platform}`);
    const { status, stderr } = script('release', folder.path);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const [chart, npm] = [`pullguard-chart-${version}.tgz`, `pullguard-npm-${version}.tgz`];
    const files = readdirSync(folder.path);
    expect(files.filter((name) => !name.endsWith('.tar.gz'))).toEqual(
      expect.arrayContaining([
        'checksums.txt',
        'notes.md',
        chart,
        'install.yaml',
        npm,
        'pullguard.cdx.json',
        'pullguard.yaml',
      ]),
    );

    // Both are what they are called, which their own names would not tell apart.
    const list = (name: string): string => execFileSync('tar', ['-tzf', folder.at(name)], { encoding: 'utf8' });
    expect(list(npm)).toContain('package/dist/main.js\n');
    expect(list(chart)).toContain('pullguard/Chart.yaml\n');

    const checked = spawnSync('sha256sum', ['--check', 'checksums.txt'], { cwd: folder.path, encoding: 'utf8' });
    expect(checked).toMatchObject({ status: 0, stderr: '' });
    expect(checked.stdout.match(/: OK/g)).toHaveLength(files.length - 2);

    const { spec } = parse(readFileSync(folder.at('pullguard.yaml'), 'utf8')) as {
      spec: { version: string; platforms: Record<string, string>[] };
    };
    expect(spec.version).toBe(`v${version}`);
    expect(spec.platforms).toEqual(
      PLATFORMS.map((platform) => ({
        selector: { matchLabels: { os: platform.split('-')[0], arch: platform.split('-')[1] } },
        uri: `${REPOSITORY}/releases/download/v${version}/pullguard-${platform}.tar.gz`,
        sha256: createHash('sha256').update(`stands for ${platform}`).digest('hex'),
        bin: platform.startsWith('windows') ? 'pullguard.exe' : 'pullguard',
      })),
    );
  }, 60_000);

  test('is not made while a binary is missing: krew would offer what cannot be downloaded', () => {
    const folder = tempFolder();
    for (const platform of PLATFORMS.slice(1)) folder.write(`pullguard-${platform}.tar.gz`, '');
    expect(script('release', folder.path)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('no binary for darwin-amd64') as unknown,
    });
  });
});

describe('to publish it', () => {
  const digest = (of: string): string => `sha256:${of.repeat(64)}`;
  const release: Release = {
    version: '1.2.3',
    commit: 'c0ffee',
    folder: '/release',
    files: ['checksums.txt', 'notes.md', 'pullguard-linux-amd64.tar.gz'],
    bases: { BUILD_IMAGE: 'node:24', NODE_IMAGE: `distroless:nonroot@${digest('d')}` },
  };

  function record(given: Partial<Release> = {}, failsAt = ''): readonly string[] {
    const commands: string[] = [];
    const run: Run = (program, ...args) => {
      const command = [program, ...args].join(' ');
      if (failsAt !== '' && command.startsWith(failsAt)) throw new Error(command);
      commands.push(command);
      if (command.includes('inspect node:24')) return `${digest('a')}\n`;
      if (command.includes('inspect ghcr.io')) return `${digest('b')}\n`;
      return command.startsWith('helm push') ? `Pushed: ghcr.io/pullguard\nDigest: ${digest('c')}\n` : '';
    };
    try {
      publish(run, { ...release, ...given });
    } catch (error) {
      commands.push(`failed: ${(error as Error).message.split(' ').slice(0, 2).join(' ')}`);
    }
    return commands;
  }

  test('each thing is pushed, and signed by the digest that it then has', () => {
    expect(record()).toEqual([
      'docker buildx imagetools inspect node:24 --format {{.Manifest.Digest}}',
      `docker buildx build --platform linux/amd64,linux/arm64 --build-arg BUILD_IMAGE=node:24@${digest('a')} ` +
        `--build-arg NODE_IMAGE=distroless:nonroot@${digest('d')} --build-arg VERSION=1.2.3 --build-arg REVISION=c0ffee ` +
        '--provenance=mode=max --sbom=true --tag ghcr.io/pullguard/pullguard:1.2.3 --tag ghcr.io/pullguard/pullguard:latest --push .',
      'docker buildx imagetools inspect ghcr.io/pullguard/pullguard:1.2.3 --format {{.Manifest.Digest}}',
      `cosign sign --yes --recursive ghcr.io/pullguard/pullguard@${digest('b')}`,
      'helm push /release/pullguard-chart-1.2.3.tgz oci://ghcr.io/pullguard/charts',
      `cosign sign --yes ghcr.io/pullguard/charts/pullguard@${digest('c')}`,
      'cosign sign-blob --yes --bundle /release/checksums.txt.sigstore.json /release/checksums.txt',
      'gh release create v1.2.3 --verify-tag --title pullguard 1.2.3 --notes-file /release/notes.md ' +
        '/release/checksums.txt /release/pullguard-linux-amd64.tar.gz /release/checksums.txt.sigstore.json',
      'npm publish /release/pullguard-npm-1.2.3.tgz --access public --provenance',
    ]);
  });

  test('a prerelease is installed only where it is asked for', () => {
    const commands = record({ version: '1.2.3-rc.1' }).join('\n');
    expect(commands).not.toContain(':latest');
    expect(commands).toContain('--prerelease');
    expect(commands).toMatch(/npm publish .* --tag next$/);
  });

  test('nothing follows a step that failed, and npm, which takes nothing back, is the last one', () => {
    expect(record({}, 'cosign sign ').slice(-2)).toEqual([
      expect.stringContaining('imagetools inspect ghcr.io'),
      'failed: cosign sign',
    ]);
  });

  test('--dry-run prints every command and runs none', () => {
    const folder = tempFolder();
    folder.write('checksums.txt', '');
    const { status, stdout } = script('publish', folder.path, '--dry-run');
    expect(status).toBe(0);
    const programs = stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' ')[1]);
    expect([...new Set(programs)].sort()).toEqual(['cosign', 'docker', 'gh', 'helm', 'npm']);
    expect(stdout).toContain('REVISION=');
    // A typo must not publish.
    expect(script('publish', folder.path, '--dryrun')).toMatchObject({ status: 1 });
  });

  test('goes to the repository that the package names: npm refuses provenance of another', () => {
    expect(repository.url).toBe(`git+${REPOSITORY}.git`);
  });
});
