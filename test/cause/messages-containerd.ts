import type { Sample } from './samples.ts';

const SHA = `sha256:${'5'.repeat(64)}`;
const pull = (rest: string, image = 'registry.example.com/team/app:1'): string =>
  `Failed to pull image "${image}": rpc error: code = Unknown desc = failed to pull and unpack image "${image}": ${rest}`;
const resolve = (rest: string, image = 'registry.example.com/team/app:1'): string =>
  pull(`failed to resolve reference "${image}": ${rest}`, image);
const request = (rest: string): string =>
  resolve(`failed to do request: Head "https://registry.example.com/v2/team/app/manifests/1": ${rest}`);
const copy = (rest: string): string => pull(`failed to copy: httpReadSeeker: failed open: ${rest}`);

/** Every place in containerd 1.5 to 2.3 that words an error of a pull: remotes/docker, client, core/unpack, core/transfer, internal/cri. */
export const CONTAINERD: readonly Sample[] = [
  // remotes/docker/resolver.go
  [resolve('registry.example.com/team/app:1: not found'), 'image-not-found', 2],
  [pull('failed to resolve image: registry.example.com/team/app:1: not found'), 'image-not-found', 2],
  [
    resolve('pulling from host registry.example.com failed with status code [manifests 1]: 401 Unauthorized'),
    'credentials-missing',
    1,
  ],
  [
    resolve('pulling from host registry.example.com failed with status code [manifests 403]: 404 Not Found'),
    'image-not-found',
    2,
  ],
  [
    resolve(
      'unexpected status from HEAD request to https://registry.example.com/v2/team/app/manifests/1: 401 Unauthorized',
    ),
    'credentials-missing',
    1,
  ],
  [
    resolve(
      'unexpected status from HEAD request to https://registry.example.com/v2/team/app/manifests/1: 403 Forbidden',
    ),
    'access-denied',
    3,
  ],
  [
    resolve(
      'unexpected status from HEAD request to https://registry.example.com/v2/team/app/manifests/1: 429 Too Many Requests',
    ),
    'rate-limited',
    8,
  ],
  [
    resolve(
      'unexpected status from HEAD request to https://registry.example.com/v2/team/app/manifests/1: 500 Internal Server Error',
    ),
    'server-error',
    null,
  ],
  [
    resolve(
      'unexpected status from HEAD request to https://registry.example.com/v2/team/app/manifests/1: 502 Bad Gateway',
    ),
    'server-error',
    null,
  ],
  [
    resolve('unexpected status from HEAD request to https://registry.example.com/v2/team/app/manifests/1: 521 '),
    'server-error',
    null,
  ],
  [
    resolve(
      'unexpected status from HEAD request to https://registry.example.com/v2/team/app/manifests/1: 405 Method Not Allowed',
    ),
    'broken-registry',
    null,
  ],
  [
    resolve(
      "unexpected status from GET request to https://registry.example.com/v2/team/app/manifests/1: 403 Forbidden\ndenied: client with IP '203.0.113.7' is not allowed access",
    ),
    'access-blocked',
    null,
  ],
  [resolve('unexpected status code [manifests 1]: 401 Unauthorized'), 'credentials-missing', 1],
  [
    resolve(
      'pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed',
    ),
    'anonymous-denied',
    3,
  ],
  [
    'Failed to pull image "acme/private": failed to pull and unpack image "docker.io/acme/private:latest": failed to resolve reference "docker.io/acme/private:latest": pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed',
    'repository-not-found',
    2,
  ],
  [
    resolve(
      'pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials',
    ),
    'credentials-missing',
    1,
  ],
  [
    resolve(
      'pull access denied, repository does not exist or may require authorization: server message: invalid_token: authorization failed',
    ),
    'credentials-refused',
    3,
  ],
  [
    resolve('failed to authorize: failed to fetch anonymous token: unexpected status: 401 Unauthorized'),
    'credentials-missing',
    1,
  ],
  [
    resolve(
      'failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://ghcr.io/token?scope=repository%3Ateam%2Fapp%3Apull&service=ghcr.io: 403 Forbidden',
    ),
    'token-denied-anonymous',
    1,
  ],
  [
    resolve('failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized'),
    'credentials-refused',
    3,
  ],
  [
    resolve(
      'failed to authorize: failed to fetch oauth token: unexpected status from POST request to https://registry.example.com/oauth2/token: 400 Bad Request',
    ),
    'credentials-refused',
    3,
  ],
  [
    resolve(
      'failed to authorize: failed to fetch anonymous token: Get "https://auth.docker.io/token?scope=repository%3Ateam%2Fapp%3Apull&service=registry.docker.io": dial tcp: lookup auth.docker.io on 10.0.0.2:53: no such host',
    ),
    'no-such-host',
    2,
  ],
  [
    resolve(
      'failed to authorize: failed to fetch oauth token: Post "https://auth.docker.io/token": net/http: TLS handshake timeout',
    ),
    'timeout',
    7,
  ],
  [
    resolve('failed to authorize: authorization server did not include a token in the response'),
    'broken-registry',
    null,
  ],
  [
    resolve('failed to authorize: failed to handle basic auth because missing username or secret'),
    'credentials-missing',
    1,
  ],
  [
    resolve(
      "failed to authorize: unable to decode token response: invalid character '<' looking for beginning of value",
    ),
    'web-page',
    null,
  ],
  [
    resolve(
      'not implemented: media type "application/vnd.docker.distribution.manifest.v1+prettyjws" is no longer supported since containerd v2.1, please rebuild the image as "application/vnd.docker.distribution.manifest.v2+json" or "application/vnd.oci.image.manifest.v1+json"',
    ),
    'schema-1',
    null,
  ],
  [pull('schema 1 image manifests are no longer supported: invalid argument'), 'schema-1', null],
  [resolve('rejecting 9437185 byte manifest for registry.example.com/team/app:1: not found'), 'broken-registry', null],
  // Go's net, net/http and crypto
  [request('dial tcp: lookup registry.example.com on 10.96.0.10:53: no such host'), 'no-such-host', 2],
  [request('dial tcp: lookup registry.example.com: Temporary failure in name resolution'), 'dns-failed', 7],
  [request('dial tcp: lookup registry.example.com on 127.0.0.53:53: server misbehaving'), 'dns-failed', 7],
  [
    request(
      'dial tcp: lookup registry.example.com on [::1]:53: read udp [::1]:40651->[::1]:53: read: connection refused',
    ),
    'dns-failed',
    7,
  ],
  [request('dial tcp 192.0.2.1:443: i/o timeout'), 'timeout', 7],
  [request('dial tcp [2001:db8::1]:443: connect: network is unreachable'), 'no-route', 7],
  [request('dial tcp [2001:db8::1]:443: connect: cannot assign requested address'), 'no-route', 7],
  [request('dial tcp 192.0.2.1:443: connect: no route to host'), 'no-route', 7],
  [request('dial tcp 192.0.2.1:443: connect: connection refused'), 'connection-refused', 7],
  [request('dial tcp 192.0.2.1:443: connect: connection timed out'), 'timeout', 7],
  [request('read tcp 10.0.0.2:40000->192.0.2.1:443: read: connection reset by peer'), 'connection-reset', 7],
  [request('write tcp 10.0.0.2:40000->192.0.2.1:443: write: broken pipe'), 'connection-reset', 7],
  [request('EOF'), 'connection-reset', 7],
  [
    request('http2: server sent GOAWAY and closed the connection; LastStreamID=1, ErrCode=NO_ERROR, debug=""'),
    'connection-reset',
    7,
  ],
  [request('net/http: TLS handshake timeout'), 'timeout', 7],
  [request('net/http: timeout awaiting response headers'), 'timeout', 7],
  [request('context deadline exceeded'), 'timeout', 7],
  [request('context deadline exceeded (Client.Timeout exceeded while awaiting headers)'), 'timeout', 7],
  [request('proxyconnect tcp: dial tcp 10.1.1.1:3128: connect: connection refused'), 'proxy-failed', 7],
  [request('proxyconnect tcp: tls: first record does not look like a TLS handshake'), 'proxy-failed', 7],
  [request('Proxy Authentication Required'), 'proxy-failed', 7],
  [request('http: server gave HTTP response to HTTPS client'), 'no-tls', null],
  [request('tls: first record does not look like a TLS handshake'), 'no-tls', null],
  [
    request('net/http: HTTP/1.x transport connection broken: malformed HTTP response "\\x15\\x03\\x01\\x00\\x02\\x02"'),
    'tls-required',
    null,
  ],
  [request('x509: certificate signed by unknown authority'), 'unknown-ca', 5],
  [
    request(
      'tls: failed to verify certificate: x509: certificate signed by unknown authority (possibly because of "crypto/rsa: verification error" while trying to verify candidate authority certificate "ca")',
    ),
    'unknown-ca',
    5,
  ],
  [
    request(
      'tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-06-01T12:00:00Z is after 2026-01-01T00:00:00Z',
    ),
    'certificate-expired',
    5,
  ],
  [
    request(
      "tls: failed to verify certificate: x509: cannot validate certificate for 192.0.2.1 because it doesn't contain any IP SANs",
    ),
    'certificate-wrong-host',
    5,
  ],
  [
    request(
      'tls: failed to verify certificate: x509: certificate is not valid for any names, but wanted to match registry.example.com',
    ),
    'certificate-wrong-host',
    5,
  ],
  [request('x509: certificate relies on legacy Common Name field, use SANs instead'), 'certificate-wrong-host', 5],
  [
    request('tls: failed to verify certificate: x509: cannot verify signature: insecure algorithm SHA1-RSA'),
    'certificate-unusable',
    5,
  ],
  [request('remote error: tls: handshake failure'), 'tls-failed', null],
  [request('remote error: tls: certificate required'), 'tls-failed', null],
  // remotes/docker/fetcher.go, httpreadseeker.go, content/helpers.go
  [
    copy(`unexpected status code https://registry.example.com/v2/team/app/blobs/${SHA}: 403 Forbidden`),
    'access-denied',
    3,
  ],
  [
    copy(
      `unexpected status code https://registry-1.docker.io/v2/library/busybox/manifests/${SHA}: 429 Too Many Requests - Server message: toomanyrequests: You have reached your pull rate limit.`,
    ),
    'rate-limited',
    8,
  ],
  [
    copy(
      `unexpected status from GET request to https://registry.example.com/v2/team/app/blobs/${SHA}: 503 Service Unavailable`,
    ),
    'server-error',
    null,
  ],
  [
    copy(
      `could not fetch content descriptor ${SHA} (application/vnd.oci.image.layer.v1.tar+gzip) from remote: not found`,
    ),
    'layer-missing',
    null,
  ],
  [
    copy(`content at https://registry.example.com/v2/team/app/manifests/${SHA} not found: not found`),
    'layer-missing',
    null,
  ],
  [
    copy(
      `failed to do request: Get "https://cdn.example.net/blobs/${SHA}?X-Amz-Signature=abc": dial tcp 192.0.2.9:443: i/o timeout`,
    ),
    'timeout',
    7,
  ],
  [pull('failed to copy: read tcp 10.0.0.2:40000->192.0.2.1:443: read: connection timed out'), 'timeout', 7],
  [pull('failed to copy: unexpected EOF'), 'connection-reset', 7],
  [pull('failed to copy: stream error: stream ID 17; INTERNAL_ERROR; received from peer'), 'connection-reset', 7],
  [pull('failed to copy: context canceled'), 'image-too-large', 6],
  [pull('context canceled'), 'image-too-large', 6],
  [
    'Failed to pull image "a/b:1": rpc error: code = DeadlineExceeded desc = context deadline exceeded',
    'image-too-large',
    6,
  ],
  [
    pull(
      `failed commit on ref "layer-${SHA}": "layer-${SHA}" failed size validation: 12582912 != 24072527: failed precondition`,
    ),
    'layer-corrupt',
    null,
  ],
  [
    pull(`failed commit on ref "layer-${SHA}": unexpected commit digest ${SHA}, expected ${SHA}: failed precondition`),
    'layer-corrupt',
    null,
  ],
  [
    pull(
      `failed commit on ref "layer-${SHA}": write /var/lib/containerd/io.containerd.content.v1.content/ingest/3f7c/data: no space left on device`,
    ),
    'disk-full',
    4,
  ],
  // core/images, core/unpack, client/image.go, archive
  [pull('no match for platform in manifest: not found'), 'platform-missing', null],
  [pull(`no match for platform in manifest ${SHA}: not found`), 'platform-missing', null],
  [pull('snapshotter overlayfs does not support platform linux/arm64 for image sha256:1'), 'platform-missing', null],
  [
    pull('failed to unpack image on snapshotter overlayfs: mismatched image rootfs and manifest layers'),
    'not-an-image',
    null,
  ],
  [pull("unpack: number of layers and diffIDs don't match: 1 != 0"), 'not-an-image', null],
  [
    pull(`failed to unpack image on snapshotter overlayfs: unexpected media type text/html for ${SHA}: not found`),
    'web-page',
    null,
  ],
  [
    pull(
      `failed to extract layer ${SHA}: mount callback failed on /var/lib/containerd/tmpmounts/containerd-mount1: unexpected EOF: unknown`,
    ),
    'layer-corrupt',
    null,
  ],
  [
    pull(
      `failed to extract layer (application/vnd.oci.image.layer.v1.tar+gzip ${SHA}) to overlayfs as "extract-1 sha256:2": failed to get stream processor for application/vnd.oci.image.layer.v1.tar+encrypted: no processor for media-type: unknown`,
    ),
    'layer-unsupported',
    null,
  ],
  [
    pull(`failed to extract layer ${SHA}: mount callback failed on /tmp/1: archive/tar: invalid tar header: unknown`),
    'layer-corrupt',
    null,
  ],
  [
    pull(
      `failed to extract layer ${SHA}: failed to Lchown "/a/b" for UID 0, GID 0: no such file or directory: unknown`,
    ),
    'unpack-failed',
    null,
  ],
  [
    pull(
      'failed to prepare extraction snapshot "extract-1 sha256:2": failed to create prepare snapshot dir: mkdir /var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/new-1: read-only file system: unknown',
    ),
    'disk-unwritable',
    null,
  ],
  [
    pull(
      'failed to prepare extraction snapshot "extract-1 sha256:2": Thin Pool has 100 free data blocks which is less than minimum required 163 free data blocks. Create more free space in thin pool or use dm.min_free_space option to change behavior',
    ),
    'disk-full',
    4,
  ],
  [pull(`wrong diff id calculated on extraction "${SHA}"`), 'layer-corrupt', null],
  [
    pull(
      'blocking pull of registry.example.com/team/app:1 with digest sha256:1: image verifier bindir returned error: exit status 1',
    ),
    'signature-refused',
    null,
  ],
  [
    pull(
      'image verifier bindir blocked pull of registry.example.com/team/app:1 with digest sha256:1 for reason: not signed',
    ),
    'signature-refused',
    null,
  ],
  // Of content, snapshots and tokens, in 2.x as well
  [
    resolve('failed to authorize: failed to fetch anonymous token: invalid token auth challenge realm: parse ":"'),
    'broken-registry',
    null,
  ],
  [pull(`could not fetch content ${SHA} from remote: not found`), 'layer-missing', null],
  [pull(`failed to get reader from content store: content digest ${SHA}: not found`), 'image-gone', null],
  [pull(`failed to prepare: parent snapshot ${SHA} does not exist: not found`), 'unpack-failed', null],
  [pull('missing parent "k8s.io/12/sha256:5" bucket: not found'), 'unpack-failed', null],
  [pull('failed to list directory contents: /var/lib/containerd: read-only file system'), 'disk-unwritable', null],
  [pull('unexpected commit size 10, expected 20: failed precondition'), 'layer-corrupt', null],
  // internal/cri
  [
    'Failed to pull image "registry.example.com/team/app:1": rpc error: code = Unknown desc = failed to parse image reference "registry.example.com/Team/app:1": invalid reference format: repository name must be lowercase',
    'reference-invalid',
    2,
  ],
  [
    'Failed to pull image "registry.example.com/team/app:1": rpc error: code = Unknown desc = invalid decoded auth: "user"',
    'pull-secret-malformed',
    3,
  ],
  [
    'Failed to pull image "registry.example.com/team/app:1": rpc error: code = Unknown desc = illegal base64 data at input byte 4',
    'pull-secret-malformed',
    3,
  ],
  [
    'Failed to pull image "registry.example.com/team/app:1": rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial unix /run/containerd/containerd.sock: connect: connection refused"',
    'runtime-down',
    null,
  ],
  [
    'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox image "registry.k8s.io/pause:3.8": failed to pull image "registry.k8s.io/pause:3.8": failed to pull and unpack image "registry.k8s.io/pause:3.8": failed to resolve reference "registry.k8s.io/pause:3.8": failed to do request: Head "https://us-west2-docker.pkg.dev/v2/k8s-artifacts-prod/images/pause/manifests/3.8": dial tcp 142.251.8.82:443: i/o timeout',
    'timeout',
    7,
  ],
  [
    'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "1": plugin type="calico" failed (add): error getting ClusterInformation: Get "https://10.96.0.1:443/apis": x509: certificate signed by unknown authority',
    'sandbox-failed',
    null,
  ],
  [
    'Error: failed to create containerd container: failed to get image from containerd "sha256:1": image "sha256:1": not found',
    'image-gone',
    null,
  ],
  // Two credentials: with the first the registry looked, and had no such image.
  [
    'Failed to pull image "acme.azurecr.io/a/b:1": [rpc error: code = NotFound desc = failed to pull and unpack image "acme.azurecr.io/a/b:1": failed to resolve image: acme.azurecr.io/a/b:1: not found, failed to pull and unpack image "acme.azurecr.io/a/b:1": failed to resolve image: failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://acme.azurecr.io/oauth2/token?scope=repository%3Aa%2Fb%3Apull&service=acme.azurecr.io: 401 Unauthorized]',
    'image-not-found',
    2,
  ],
];
