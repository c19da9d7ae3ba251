import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { describeFailure, type Asking } from '../../src/cause/describe.ts';
import type { FailedPull } from '../../src/cause/answer.ts';
import { readReference } from '../../src/image/reference.ts';
import { FAILURES, failed } from '../support/answers.ts';

function advise(
  failure: FailedPull,
  {
    image = 'harbor.example.com:8443/team/app:v9',
    secrets = ['harbor'],
    usualSecret,
    endpoint = 'harbor.example.com:8443',
  }: Partial<Asking> & Readonly<{ image?: string; endpoint?: string }> = {},
): string {
  return describeFailure(failed(failure, endpoint), readReference(image)!, { secrets, usualSecret, now: undefined })
    .remedy;
}

const REFUSED: FailedPull = { outcome: 'failed', cause: 'credentials-refused' };
const ANONYMOUS: FailedPull = { outcome: 'failed', cause: 'credentials-missing' };

describe('commands can be copied as they are', () => {
  test('those for a CA write where each system looks for it', () => {
    const remedy = advise({ outcome: 'failed', cause: 'unknown-ca' });
    const fetch =
      "openssl s_client -showcerts -connect harbor.example.com:8443 < /dev/null | sed -ne '/-BEGIN CERTIFICATE-/,/-END CERTIFICATE-/p' > ";
    expect(remedy).toContain(
      `${fetch}/etc/pki/ca-trust/source/anchors/harbor.example.com.crt && update-ca-trust && systemctl restart containerd`,
    );
    expect(remedy).toContain(
      `${fetch}/usr/local/share/ca-certificates/harbor.example.com.crt && update-ca-certificates && systemctl restart containerd`,
    );
  });

  test.each<[what: string, failure: FailedPull, options: Parameters<typeof advise>[1], command: string]>([
    [
      'a secret that is refused is made again, for the host as images write it',
      REFUSED,
      {},
      'kubectl -n NAMESPACE delete secret harbor --ignore-not-found && kubectl -n NAMESPACE create secret docker-registry harbor --docker-server=harbor.example.com:8443 --docker-username=USER --docker-password=PASSWORD',
    ],
    [
      'a port that is not written is not part of it, as kubelet would not find it',
      ANONYMOUS,
      { image: 'harbor.example.com/team/app', endpoint: 'harbor.example.com:443' },
      'docker-registry NAME --docker-server=harbor.example.com --docker-username',
    ],
    [
      'Docker Hub has a name of its own there',
      ANONYMOUS,
      { image: 'team/app', endpoint: 'registry-1.docker.io:443' },
      '--docker-server=https://index.docker.io/v1/ ',
    ],
    [
      'an IPv6 address makes no file with brackets',
      { outcome: 'failed', cause: 'unknown-ca' },
      { image: '[::1]:5000/app', endpoint: '[::1]:5000' },
      '/usr/local/share/ca-certificates/___1_.crt ',
    ],
    [
      'a name is looked up without its port',
      { outcome: 'failed', cause: 'no-such-host' },
      {},
      ': nslookup harbor.example.com',
    ],
    [
      'of a tag that is not there, the others can be listed',
      { outcome: 'failed', cause: 'image-not-found' },
      { image: 'nginx:1.2.3.4' },
      ': skopeo list-tags docker://docker.io/library/nginx',
    ],
    [
      'one that may speak plain HTTP is asked by plain HTTP',
      { outcome: 'failed', cause: 'no-tls', fault: { what: 'no-tls' } },
      {},
      ': curl -v http://harbor.example.com:8443/v2/',
    ],
  ])('%s', (_, failure, options, command) => {
    expect(advise(failure, options)).toContain(command);
  });

  test('and hold nothing that somebody hid in the name of a secret', () => {
    const remedy = advise(REFUSED, { secrets: ['a; rm -rf /'] });
    expect(remedy).not.toContain('rm -rf');
    expect(remedy).toContain('docker-registry NAME ');
  });

  test.each(['a tag', 'a digest'])('of a repository that is not there, nobody lists the tags: by %s', (by) => {
    const image = `team/app${by === 'a tag' ? ':v9' : `@sha256:${'0'.repeat(64)}`}`;
    expect(
      advise({ outcome: 'failed', cause: by === 'a tag' ? 'repository-not-found' : 'image-not-found' }, { image }),
    ).not.toContain('list-tags');
  });

  const sentences = FAILURES.flatMap((failure) => advise(failure).split(/(?<=\.) (?=\p{Lu})/u));
  const commands = sentences.flatMap((each) => /(?:kubectl|openssl|curl|nslookup|skopeo) .*/.exec(each)?.[0] ?? []);

  test.each([...new Set(commands)])('a shell takes %s', (command) => {
    execFileSync('sh', ['-n', '-c', command]);
    expect(command.replace(/ # .*/, '')).not.toMatch(/[.,;]$/);
  });
});

describe('whose secret it is decides what is to be done about it', () => {
  test.each<[what: string, failure: FailedPull, options: Partial<Asking>, text: RegExp]>([
    ['one of one’s own is made again', REFUSED, { secrets: ['harbor'] }, /^Make the pull secret again, .* harbor --/],
    ['of several nobody knows which', REFUSED, { secrets: ['a', 'b'] }, /^Make a secret .* docker-registry NAME /],
    ['none', ANONYMOUS, { secrets: [] }, /^Make a secret .* name it in imagePullSecrets: .* docker-registry NAME /],
    [
      'one that is not known is the one that the policy names',
      REFUSED,
      { secrets: [], usualSecret: 'usual' },
      /^Make the pull secret again, .* delete secret usual .* docker-registry usual /,
    ],
    ['or any', REFUSED, { secrets: [] }, /^Make the pull secret again, .* delete secret NAME .* docker-registry NAME /],
    [
      'none, where the policy names one',
      ANONYMOUS,
      { secrets: [], usualSecret: 'usual' },
      /^Make a secret .* docker-registry usual /,
    ],
    [
      'one that has nothing for the registry is there already',
      ANONYMOUS,
      { secrets: ['usual'], usualSecret: 'usual' },
      /^Make a secret .* docker-registry NAME /,
    ],
  ])('%s', (_, failure, options, text) => {
    expect(advise(failure, options)).toMatch(text);
  });

  const SWR = { image: 'swr.eu-de.otc.t-systems.com/team/app', endpoint: 'swr.eu-de.otc.t-systems.com:443' };

  test('for SWR there is one in every namespace', () => {
    expect(advise(ANONYMOUS, { ...SWR, secrets: [] })).toMatch(/^Name default-secret in imagePullSecrets/);
  });

  test.each([ANONYMOUS, REFUSED])('and for SWR by its address, which the policy knows: %j', (failure) => {
    const options = { image: '100.125.0.198:20202/team/app', endpoint: '100.125.0.198:20202' };
    expect(advise(failure, { ...options, secrets: [], usualSecret: 'default-secret' })).toMatch(
      /^Name default-secret in imagePullSecrets/,
    );
  });

  test.each([ANONYMOUS, REFUSED])('which nobody is told to name again, or to delete: %j', (failure) => {
    const remedy = advise(failure, { ...SWR, secrets: ['default-secret'] });
    expect(remedy).toMatch(/^Make a secret .* docker-registry NAME /);
    expect(remedy).not.toContain('delete');
  });

  test('a right that is missing is no matter of secrets', () => {
    expect(advise({ outcome: 'failed', cause: 'access-denied' })).toMatch(
      /^Give the user of the pull secret the right to pull team\/app from harbor\.example\.com:8443/,
    );
  });
});

test('the ways out of the FAQ are there: an EIP for the nodes, and SWR', () => {
  expect(advise({ outcome: 'failed', cause: 'timeout' })).toMatch(/\(EIP\).*SWR/);
  expect(advise({ outcome: 'failed', cause: 'rate-limited', endsAt: undefined })).toContain('Push the image to SWR');
});

test.each(FAILURES)('is as true on the machine of a person as in a cluster: %j', (failure) => {
  expect(advise(failure)).not.toMatch(/cluster|proxy is|pullguard for/);
});

test.each(FAILURES)('is one line: %j', (failure) => {
  expect(advise(failure)).toMatch(/^[A-Z\d][^\n]+$/);
});
