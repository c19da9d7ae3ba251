import { describe, expect, it } from 'vitest';

import { normalizeName } from '../../src/image/docker-hub.ts';

describe('normalizeName', () => {
  it.each([
    [undefined, 'nginx', 'docker.io', 'library/nginx'],
    [undefined, 'bitnami/nginx', 'docker.io', 'bitnami/nginx'],
    ['docker.io', 'nginx', 'docker.io', 'library/nginx'],
    ['index.docker.io', 'nginx', 'docker.io', 'library/nginx'],
    ['registry-1.docker.io', 'nginx', 'docker.io', 'library/nginx'],
    ['registry.hub.docker.com', 'bitnami/nginx', 'docker.io', 'bitnami/nginx'],
  ])('does not mirror or authenticate an image of Docker Hub: %j %j', (domain, path, registry, repository) => {
    expect(normalizeName(domain, path)).toEqual({ registry, repository });
  });

  it.each([
    ['quay.io', 'nginx'],
    ['docker.io:443', 'nginx'],
    ['Docker.io', 'nginx'],
    ['hub.docker.com', 'nginx'],
    ['docker.io.example.com', 'nginx'],
    ['mirror.example.com', 'docker.io/nginx'],
  ])('takes an image of another registry for one of Docker Hub: %j %j', (domain, path) => {
    expect(normalizeName(domain, path)).toEqual({ registry: domain, repository: path });
  });

  it('refuses a name under an alias that is too long only once "library/" is put before it', () => {
    const path = 'a'.repeat(248);
    expect(normalizeName('registry-1.docker.io', path)).toEqual({ registry: 'registry-1.docker.io', repository: path });
    expect(normalizeName('registry-1.docker.io', path.slice(1)).registry).toBe('docker.io');
  });
});
