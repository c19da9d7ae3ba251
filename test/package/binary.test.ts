import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { parse } from 'yaml';
import { ROOT } from '../manifests/manifests.ts';
import { recordedReview } from '../support/objects.ts';

// Of the Node.js that runs this, which is older where most tests are run: .ci/run runs it once more on a newer one.
const NODE = process.execPath;
const CAN_BUILD = spawnSync(NODE, ['--help'], { encoding: 'utf8' }).stdout.includes('--build-sea');
if (!CAN_BUILD) console.log('the binary is not built: that needs Node.js 26');

const POD = 'apiVersion: v1\nkind: Pod\nmetadata: { name: web }\nspec: { containers: [{ name: a, image: NGINX }] }\n';

describe.skipIf(!CAN_BUILD)('the binary, in an empty folder and with nothing on its PATH', () => {
  let folder = '';
  let archive = '';

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'pullguard-binary-'));
    execFileSync(NODE, ['--import', 'tsx', join(ROOT, 'scripts/binary.ts'), folder], { cwd: ROOT });
    archive = readdirSync(folder)[0]!;
    expect(archive).toMatch(/^pullguard-(linux|darwin)-(amd64|arm64)\.tar\.gz$/);
    execFileSync('tar', ['-xzf', archive], { cwd: folder });
    symlinkSync('pullguard', join(folder, 'kubectl-pullguard'));
  }, 300_000);

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  function run(program: string, args: readonly string[], input = '') {
    const options = { cwd: folder, input, env: { PATH: '' }, encoding: 'utf8' as const };
    const { status, stdout, stderr } = spawnSync(join(folder, program), args, options);
    return { status, stdout, stderr };
  }

  test('has its licences beside it, and that of Node.js', () => {
    expect(readdirSync(folder)).toEqual(expect.arrayContaining(['LICENSE', 'THIRD-PARTY-LICENSES.txt']));
    const licences = readFileSync(join(folder, 'THIRD-PARTY-LICENSES.txt'), 'utf8');
    expect(licences).toMatch(/^yaml@/m);
    expect(licences).toContain('Node.js is licensed for use as follows');
  });

  test.each<[program: string, args: string, status: number, says: string]>([
    ['pullguard', 'version', 0, `${process.platform}/${process.arch}`],
    ['pullguard', 'check -', 1, 'did you mean "nginx"?'],
    // As kubectl calls it, for `kubectl pullguard check -`.
    ['kubectl-pullguard', 'check -', 1, 'did you mean "nginx"?'],
    // A page, which is no file here.
    ['pullguard', 'rules tag-explicit', 0, '# tag-explicit'],
    ['pullguard', 'image nginx:1.25', 0, 'docker.io'],
    ['pullguard', 'completion bash', 0, '_pullguard'],
  ])('%s %s', (program, args, status, says) => {
    const ended = run(program, args.split(' '), POD);
    expect(ended).toMatchObject({ status, stderr: '' });
    expect(ended.stdout).toContain(says);
  });

  test('is started by the release, before it is published', () => {
    const { jobs } = parse(readFileSync(join(ROOT, '.github/workflows/release.yml'), 'utf8')) as {
      jobs: { binary: { steps: { name?: string; run?: string }[] } };
    };
    const { run: script = '' } = jobs.binary.steps.find(({ name }) => name === 'Start it')!;
    mkdirSync(join(folder, 'release'));
    cpSync(join(folder, archive), join(folder, 'release', archive));
    const bash = ['--noprofile', '--norc', '-eo', 'pipefail', '-c', script];
    expect(spawnSync('bash', bash, { cwd: folder, encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
  });

  test.each(['scan', 'diagnose', 'serve'])('%s loads all that it needs before it looks for its cluster', (command) => {
    const { status, stderr } = run('pullguard', [command, '--kubeconfig', 'none']);
    expect(stderr).toContain('none');
    expect(stderr).not.toContain('bug in pullguard');
    expect(status).toBe(2);
  });

  test('serves, and decides large reviews in a thread, the code of which is no file here either', async () => {
    const ports = ['--host', '127.0.0.1', '--port', '0', '--admin-port', '0', '--drain-seconds', '0'];
    const args = ['serve', '--offline', '--ca-out', 'ca.crt', ...ports];
    const child = spawn(join(folder, 'pullguard'), args, { cwd: folder, env: {} });
    const exited = once(child, 'close');
    onTestFinished(() => void child.kill('SIGKILL'));
    let log = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (log += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
    await vi.waitFor(() => {
      expect(log).toContain('"msg":"listening"');
    }, 15_000);
    const [, port] = /"port":(\d+),.*"msg":"listening"/.exec(log) ?? [];

    const review = JSON.stringify(recordedReview('deployment-create')).replaceAll(
      /"image":"[^"]*"/g,
      '"image":"NGINX"',
    );
    const large = review.replace('"annotations":{', `"annotations":{"long":"${'x'.repeat(100_000)}",`);
    expect(large.length).toBeGreaterThan(100_000);
    const ca = readFileSync(join(folder, 'ca.crt'));
    const headers = { 'Content-Type': 'application/json' };
    const call = request({ host: '127.0.0.1', port, path: '/validate', method: 'POST', ca, headers });
    call.end(large);
    const [response] = (await once(call, 'response')) as [NodeJS.ReadableStream];
    expect((await buffer(response)).toString(), log).toContain('did you mean \\"nginx\\"?');
    child.kill('SIGTERM');
    expect(await exited, log).toEqual([0, null]);
    expect(log).not.toMatch(/"level":"?(50|error)/);
  }, 40_000);
});
