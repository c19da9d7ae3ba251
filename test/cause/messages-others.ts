import type { Sample } from './samples.ts';

const crio = (rest: string, image = 'registry.example.com/team/app:1'): string =>
  `Failed to pull image "${image}": rpc error: code = Unknown desc = ${rest}`;
const source = (rest: string): string => crio(`initializing source docker://registry.example.com/team/app:1: ${rest}`);
const manifest = (rest: string): string => source(`reading manifest 1 in registry.example.com/team/app: ${rest}`);

/** containers/image and CRI-O: docker/docker_client.go, errors.go, copy, signature, pkg/shortnames, server/image_pull.go. */
export const CRIO: readonly Sample[] = [
  [manifest('manifest unknown'), 'image-not-found', 2],
  [manifest('manifest unknown: manifest unknown'), 'image-not-found', 2],
  [manifest('name unknown: Repository name not known to registry'), 'repository-not-found', 2],
  [manifest('unauthorized: authentication required'), 'credentials-missing', 1],
  [manifest('unauthorized: access to the requested resource is not authorized'), 'access-denied', 3],
  [
    manifest(
      'unauthorized: unauthorized to access repository: team/app, action: pull: unauthorized to access repository: team/app, action: pull',
    ),
    'access-denied',
    3,
  ],
  [manifest('denied: requested access to the resource is denied'), 'access-denied', 3],
  [manifest('requested access to the resource is denied'), 'access-denied', 3],
  [
    crio(
      'Error reading manifest latest in docker.io/acme/nginx: errors:\ndenied: requested access to the resource is denied\nunauthorized: authentication required\n',
      'docker.io/acme/nginx',
    ),
    'repository-not-found',
    2,
  ],
  [
    manifest(
      'toomanyrequests: You have reached your pull rate limit. You may increase the limit by authenticating and upgrading: https://www.docker.com/increase-rate-limit',
    ),
    'rate-limited',
    8,
  ],
  [source('reading manifest 1 in registry.example.com/team/app: too many requests to registry'), 'rate-limited', 8],
  [manifest('received unexpected HTTP status: 502 Bad Gateway'), 'server-error', null],
  [manifest('StatusCode: 404, "404 page not found\\n"'), 'web-page-not-found', 2],
  [manifest('StatusCode: 404, "<!DOCTYPE html>\\n<html lang=\\"en\\">..."'), 'web-page-not-found', 2],
  [
    manifest('error parsing HTTP 403 response body: invalid character \'<\' looking for beginning of value: "<html>"'),
    'web-page',
    null,
  ],
  [
    source('unable to retrieve auth token: invalid username/password: unauthorized: incorrect username or password'),
    'credentials-refused',
    3,
  ],
  [
    source('unable to retrieve auth token: invalid username/password: unauthorized: HTTP Basic: Access denied'),
    'credentials-refused',
    3,
  ],
  [
    source('unable to retrieve auth token: invalid username/password: unauthorized: authentication required'),
    'credentials-refused',
    3,
  ],
  [source('Requesting bear token: invalid status code from registry 403 (Forbidden)'), 'token-denied', 3],
  [source('Requesting bearer token: received unexpected HTTP status: 403 Forbidden'), 'token-denied', 3],
  [
    source(
      'pinging container registry registry.example.com: Get "https://registry.example.com/v2/": x509: certificate signed by unknown authority',
    ),
    'unknown-ca',
    5,
  ],
  [
    source(
      'pinging container registry registry.example.com: Get "https://registry.example.com/v2/": dial tcp 192.0.2.1:443: connect: no route to host',
    ),
    'no-route',
    7,
  ],
  [
    source(
      'pinging container registry registry.example.com: Get "http://registry.example.com/v2/": dial tcp: lookup registry.example.com: no such host',
    ),
    'no-such-host',
    2,
  ],
  [
    source('pinging container registry registry.example.com: StatusCode: 503, "upstream connect error"'),
    'server-error',
    null,
  ],
  [
    crio(
      'error pinging docker registry registry.example.com: Get "https://registry.example.com/v2/": http: server gave HTTP response to HTTPS client',
    ),
    'no-tls',
    null,
  ],
  [
    crio(
      'pinging container registry registry.example.com: received unexpected HTTP status: 400 Bad Request\nClient sent an HTTP request to an HTTPS server.',
    ),
    'tls-required',
    null,
  ],
  [
    crio(
      '(Mirrors also failed: [mirror.example.com/team/app:1: pinging container registry mirror.example.com: Get "https://mirror.example.com/v2/": dial tcp 192.0.2.2:443: i/o timeout]): registry.example.com/team/app:1: reading manifest 1 in registry.example.com/team/app: manifest unknown',
    ),
    'image-not-found',
    2,
  ],
  [
    'Failed to pull image "harbor.example.com/a/nginx:s": unable to pull image or OCI artifact: pull image err: initializing source docker://harbor.example.com/a/nginx:s: reading manifest s in harbor.example.com/a/nginx: manifest unknown; artifact err: get manifest: build image source: reading manifest s in harbor.example.com/a/nginx: unauthorized: authentication required',
    'image-not-found',
    2,
  ],
  [
    crio(
      'copying system image from manifest list: Source image rejected: A signature was required, but no signature exists',
    ),
    'signature-refused',
    null,
  ],
  [
    'Failed to pull image "registry.example.com/team/app:1": SignatureValidationFailed: unable to pull image or OCI artifact: pull image err: copying system image from manifest list: Source image rejected: None of the signatures were accepted, reasons: cryptographic signature verification failed',
    'signature-refused',
    null,
  ],
  [
    'image pull failed for registry.example.com/team/app:1 because the signature validation failed: Source image rejected: Signature for identity "a" is not accepted',
    'signature-refused',
    null,
  ],
  [
    'image pull failed for registry.example.com/team/app:1 because the registry is unavailable.',
    'registry-unavailable',
    7,
  ],
  [
    'image pull failed for registry.example.com/team/app:1 because the registry is unavailable: pinging container registry registry.example.com: Get "https://registry.example.com/v2/": dial tcp 192.0.2.1:443: connect: connection refused',
    'connection-refused',
    7,
  ],
  [
    crio('Source image rejected: Running image docker://registry.example.com/team/app:1 is rejected by policy.'),
    'registry-blocked',
    null,
  ],
  [
    crio(
      'initializing source docker://registry.example.com/team/app:1: registry registry.example.com is blocked in /etc/containers/registries.conf or /etc/containers/registries.conf.d',
    ),
    'registry-blocked',
    null,
  ],
  [
    crio(
      'choosing an image from manifest list docker://registry.example.com/team/app:1: no image found in manifest list for architecture arm64, variant "v8", OS linux',
    ),
    'platform-missing',
    null,
  ],
  [
    crio('choosing image instance: no image found in image index for architecture "s390x", variant "", OS "linux"'),
    'platform-missing',
    null,
  ],
  [
    crio(
      'parsing manifest blob: unsupported image-specific operation on artifact with type "application/vnd.cncf.helm.config.v1+json"',
    ),
    'not-an-image',
    null,
  ],
  [
    crio(
      'writing blob: storing blob to file "/var/tmp/container_images_storage1/1": write /var/tmp/container_images_storage1/1: no space left on device',
    ),
    'disk-full',
    4,
  ],
  [
    crio(
      'copying system image from manifest list: writing blob: adding layer with blob "sha256:1": processing tar file(exit status 1): unexpected EOF',
    ),
    'connection-reset',
    7,
  ],
  [
    crio(
      'writing blob: storing blob to file "/var/tmp/1": happened during read: unexpected EOF (while reconnecting: Get "https://cdn01.quay.io/a?X-Amz-Signature=abc": dial tcp: lookup cdn01.quay.io: no such host)',
    ),
    'no-such-host',
    2,
  ],
  [
    crio(
      'writing blob: adding layer with blob "sha256:1": Error processing tar file(exit status 1): potentially insufficient UIDs or GIDs available in user namespace',
    ),
    'unpack-failed',
    null,
  ],
  [crio('reading blob sha256:1: context canceled'), 'image-too-large', 6],
  [crio('Digest did not match, expected sha256:1, got sha256:2'), 'layer-corrupt', null],
  [
    'Failed to inspect image "": rpc error: code = Unknown desc = short-name "app:1" did not resolve to an alias and no unqualified-search registries are defined in "/etc/containers/registries.conf"',
    'short-name',
    2,
  ],
  [
    'Failed to inspect image "": rpc error: code = Unknown desc = short name mode is enforcing, but image name app:1 returns ambiguous list',
    'short-name',
    2,
  ],
  [manifest('Manifest does not match provided manifest digest sha256:1'), 'layer-corrupt', null],
  [source('Image manifest does not match selected manifest digest "sha256:1"'), 'layer-corrupt', null],
  [crio('copying blob: Size mismatch when copying sha256:1, expected 10, got 8'), 'layer-corrupt', null],
  [crio('uncompressed digest of layer "sha256:1" is "sha256:2", config claims "sha256:3"'), 'layer-corrupt', null],
  [crio('detecting compression: bzip2 compression not supported'), 'layer-unsupported', null],
  [crio('writing blob: creating temporary on-disk layer: open /var/tmp/a: permission denied'), 'unpack-failed', null],
  [crio('resolve pulled image a: not found in container storage (sha256:1)'), 'image-gone', null],
  [source('Unimplemented manifest MIME type "application/vnd.example"'), 'broken-registry', null],
  [source('decoding bearer token (last URL "https://a.example/token", body start "no"): EOF'), 'connection-reset', 7],
  [
    crio(
      'unable to pull image or OCI artifact: pull image err: initializing source docker://r.example/a:1: reading manifest 1 in r.example/a: manifest unknown; artifact err: get manifest: build image source: reading manifest 1 in r.example/a: name unknown',
      'r.example/a:1',
    ),
    'image-not-found',
    2,
  ],
];

const docker = (rest: string, image = 'registry.example.com/team/app:1'): string =>
  `Failed to pull image "${image}": rpc error: code = Unknown desc = Error response from daemon: ${rest}`;

/** moby and cri-dockerd: distribution/errors.go, pull_v2.go, xfer, daemon/containerd, core/image.go. */
export const DOCKER: readonly Sample[] = [
  [
    docker('manifest for registry.example.com/team/app:1 not found: manifest unknown: manifest unknown'),
    'image-not-found',
    2,
  ],
  [docker('manifest for registry.example.com/team/app:1 not found'), 'image-not-found', 2],
  [
    docker('repository registry.example.com/team/app not found: name unknown: repository name not known to registry'),
    'repository-not-found',
    2,
  ],
  [
    docker('repository registry.example.com/team/app not found: does not exist or no pull access'),
    'anonymous-denied',
    3,
  ],
  [
    docker(
      "pull access denied for acme/app, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
      'acme/app',
    ),
    'repository-not-found',
    2,
  ],
  [
    docker(
      "pull access denied for registry.example.com/team/app, repository does not exist or may require 'docker login'",
    ),
    'anonymous-denied',
    3,
  ],
  [
    docker('Get https://registry.example.com/v2/team/app/manifests/1: unauthorized: authentication required'),
    'credentials-missing',
    1,
  ],
  [
    docker(
      'Get "https://registry-1.docker.io/v2/acme/app/manifests/1": unauthorized: incorrect username or password',
      'acme/app:1',
    ),
    'credentials-refused',
    3,
  ],
  [
    docker('Get https://registry.example.com/v2/team/app/manifests/1: no basic auth credentials'),
    'credentials-missing',
    1,
  ],
  [
    docker('Get https://swr.eu-de.otc.t-systems.com/v2/a/b/manifests/1: denied: You may not login yet'),
    'credentials-missing',
    1,
  ],
  [docker('Head "https://gitlab.example.com:5050/v2/a/manifests/1": denied: access forbidden'), 'access-denied', 3],
  [docker('Head "https://ghcr.io/v2/a/b/manifests/1": denied'), 'access-denied', 3],
  [docker('denied: permission_denied: The token provided does not match expected scopes.'), 'access-denied', 3],
  [
    docker(
      'denied: Permission "artifactregistry.repositories.downloadArtifacts" denied on resource "projects/p/locations/l/repositories/r" (or it may not exist)',
    ),
    'access-denied',
    3,
  ],
  [
    docker(
      'denied: Unauthenticated request. Unauthenticated requests do not have permission "artifactregistry.repositories.downloadArtifacts" on resource "projects/p"',
    ),
    'credentials-missing',
    1,
  ],
  [docker('denied: Your authorization token has expired. Reauthenticate and try again.'), 'credentials-refused', 3],
  [
    docker(
      'denied: User: arn:aws:sts::1:assumed-role/node is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:eu-central-1:1:repository/a',
    ),
    'access-denied',
    3,
  ],
  [
    docker("name unknown: The repository with name 'a' does not exist in the registry with id '123456789012'"),
    'repository-not-found',
    2,
  ],
  [docker('toomanyrequests: Rate exceeded'), 'rate-limited', 8],
  [docker('toomanyrequests: retry-after: 1.2ms, allowed: 44000/minute'), 'rate-limited', 8],
  [
    docker(
      'unknown: current image without vulnerability scanning cannot be pulled due to configured policy in \'Prevent images with vulnerability severity of "High" or higher from running.\'',
    ),
    'access-blocked',
    null,
  ],
  [
    docker(
      'error pulling image configuration: Get https://production.cloudflare.docker.com/registry-v2/docker/registry/v2/blobs/sha256/e8/1/data?verify=1636972064-AQbl5RActnudDZV%2F3EShZwnqOe8%3D: x509: certificate signed by unknown authority',
    ),
    'unknown-ca',
    5,
  ],
  [
    docker('error pulling image configuration: download failed after attempts=6: net/http: TLS handshake timeout'),
    'timeout',
    7,
  ],
  [docker('error pulling image configuration: download failed after attempts=1: unknown blob'), 'layer-missing', null],
  [docker('no matching manifest for linux/arm64/v8 in the manifest list entries'), 'platform-missing', null],
  [
    docker(
      'no matching manifest for linux/amd64 in the manifest list entries: no match for platform in manifest: not found',
    ),
    'platform-missing',
    null,
  ],
  [docker('image operating system "windows" cannot be used on this platform'), 'platform-missing', null],
  [docker('a Windows version 10.0.20348-based image is incompatible with a 10.0.17763 host'), 'platform-missing', null],
  [docker('Encountered remote "application/vnd.cncf.helm.config.v1+json"(helm) when fetching'), 'not-an-image', null],
  [
    docker(
      'Docker Image Format v1 and Docker Image manifest version 2, schema 1 support has been removed. Suggest the author of registry.example.com/team/app:1 to upgrade the image',
    ),
    'schema-1',
    null,
  ],
  [docker('unsupported media type application/vnd.docker.distribution.manifest.v1+prettyjws'), 'schema-1', null],
  [docker('filesystem layer verification failed for digest sha256:1'), 'layer-corrupt', null],
  [
    docker('failed to register layer: ApplyLayer exit status 1 stdout:  stderr: archive/tar: invalid tar header'),
    'layer-corrupt',
    null,
  ],
  [
    docker(
      'failed to register layer: Error processing tar file(exit status 1): write /usr/lib/a: no space left on device',
    ),
    'disk-full',
    4,
  ],
  [
    docker('failed to register layer: lsetxattr user.overlay.impure /etc: operation not supported'),
    'unpack-failed',
    null,
  ],
  [docker('received unexpected HTTP status: 503 Service Unavailable'), 'server-error', null],
  [
    'Failed to pull image "a/b:1": rpc error: code = Unknown desc = RegistryUnavailable: Error: Status 502 trying to pull repository a/b: "<html>"',
    'web-page',
    null,
  ],
  ['Failed to pull image "a/b:1": rpc error: code = Unknown desc = context canceled', 'image-too-large', 6],
  [
    'Failed to pull image "docker.io/bitnami/nginx:1.22.0-debian-11-r3": rpc error: code = Unknown desc = Error response from daemon: Get https://registry-1.docker.io/v2/: net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)',
    'timeout',
    7,
  ],
  [
    'Failed to pull image "nginx:v1.1": rpc error: code = Unknown desc = Error response from daemon: Get https://registry-1.docker.io/v2/: dial tcp: lookup registry-1.docker.io: no such host',
    'no-such-host',
    2,
  ],
  [
    'Failed create pod sandbox: rpc error: code = Unknown desc = failed to create a sandbox for pod "nginx-6dc48bf8b6-l8xrw": Error response from daemon: mkdir xxxxx: no space left on device',
    'disk-full',
    4,
  ],
  [
    'Failed to create pod sandbox: rpc error: code = Unknown desc = failed pulling image "registry.k8s.io/pause:3.6": Error response from daemon: Get "https://registry.k8s.io/v2/": dial tcp 1.2.3.4:443: connect: connection refused',
    'connection-refused',
    7,
  ],
  [
    'Failed to pull image "a/b:1": rpc error: code = Unknown desc = Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?',
    'runtime-down',
    null,
  ],
  ['Error: Error response from daemon: No such image: a/b:1', 'image-gone', null],
  [docker('requested platform(s) ([linux/arm64]) not found'), 'platform-missing', null],
  [docker('requested platform(s) ([linux/amd64]) found, but some content is missing'), 'layer-missing', null],
  [docker('operating system is not supported'), 'platform-missing', null],
  [docker('invalid image JSON, no RootFS key'), 'not-an-image', null],
  [
    docker("Running AI models directly by the Engine is not supported yet, please use 'docker model run' instead"),
    'not-an-image',
    null,
  ],
  [docker('layer sha256:1 was not found (corruption?)'), 'image-gone', null],
];

/** kubelet itself: images/image_manager.go, kubelet_pods.go, eviction, and what it writes when it waits. */
export const KUBELET: readonly Sample[] = [
  ['Container image "a/b:1" is not present with pull policy of Never', 'never-pull', null],
  ['Error: ErrImageNeverPull', 'never-pull', null],
  ['Failed to pull image "a/b:1": pull QPS exceeded', 'pull-qps', null],
  [
    'Unable to retrieve some image pull secrets (a, b); attempting to pull the image may not succeed.',
    'pull-secret-missing',
    3,
  ],
  ['Error: InvalidImageName', 'reference-invalid', 2],
  [
    'Failed to apply default image tag "a b:1": couldn\'t parse image name "a b:1": invalid reference format',
    'reference-invalid',
    2,
  ],
  ['Back-off pulling image "a/b:1"', 'back-off', null],
  ['Error: ImagePullBackOff', 'back-off', null],
  ['ErrImagePull', 'back-off', null],
  [
    'Back-off pulling image "a/b:1": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "docker.io/a/b:1": failed to resolve reference "docker.io/a/b:1": docker.io/a/b:1: not found',
    'image-not-found',
    2,
  ],
  [
    'Back-off pulling image "a/b:1": ErrImagePull: failed to pull and unpack image "docker.io/a/b:1": failed to resolve reference "docker.io/a/b:1": something that nobody has seen',
    'unknown',
    null,
  ],
  ['Failed to pull image "a/b:1": rpc error: code = NotFound', 'image-not-found', 2],
  ['The node was low on resource: ephemeral-storage. Threshold quantity: 1, available: 0.', 'disk-full', 4],
  [
    'failed to garbage collect required amount of images. Attempted to free 1000 bytes, but only found 0 bytes eligible to free.',
    'disk-full',
    4,
  ],
  ['ERROR: toomanyrequests: Too Many Requests.', 'rate-limited', 8],
  [
    'you have reached your pull rate limit, you may increase the limit by authenticating an upgrading',
    'rate-limited',
    8,
  ],
  ['no space left on device', 'disk-full', 4],
  // Pulls that are recorded, from Kubernetes 1.33 on.
  [
    'Failed to record image pull intent for container image "a/b:1": failed to record image pull intent: write /var/lib/kubelet/image_manager/pulling/sha256-1: no space left on device',
    'disk-full',
    4,
  ],
  [
    'Failed to record image pull intent for container image "a/b:1": failed to record image pull intent: open /var/lib/kubelet/image_manager/pulling/sha256-1: permission denied',
    'unknown',
    null,
  ],
  // What is missing is not the image.
  [
    'Failed to pull image "a/b:1": failed to get service account token: serviceaccounts "builder" not found',
    'unknown',
    null,
  ],
  [
    'Error: ErrImagePull: [failed to pull and unpack image "r.example/a:1": failed to do request: Head "https://r.example/v2/a/manifests/1": dial tcp 192.0.2.1:443: connect: no route to host]',
    'no-route',
    7,
  ],
];

/** Names that are the words of other causes: none of them decides. */
export const NAMES: readonly Sample[] = [
  [
    'Failed to pull image "registry.example.com/no-space-left-on-device/x509:eof": rpc error: code = NotFound desc = failed to pull and unpack image "registry.example.com/no-space-left-on-device/x509:eof": failed to resolve reference "registry.example.com/no-space-left-on-device/x509:eof": registry.example.com/no-space-left-on-device/x509:eof: not found',
    'image-not-found',
    2,
  ],
  [
    'Failed to pull image "toomanyrequests": rpc error: code = NotFound desc = failed to pull and unpack image "docker.io/library/toomanyrequests:latest": failed to resolve reference "docker.io/library/toomanyrequests:latest": docker.io/library/toomanyrequests:latest: not found',
    'image-not-found',
    2,
  ],
  [
    'Failed to pull image "x509": rpc error: code = Unknown desc = Error response from daemon: pull access denied for x509, repository does not exist or may require \'docker login\': denied: requested access to the resource is denied',
    'repository-not-found',
    2,
  ],
  [
    'Failed to pull image "registry.example.com/a:toomanyrequests": rpc error: code = Unknown desc = initializing source docker://registry.example.com/a:toomanyrequests: reading manifest toomanyrequests in registry.example.com/a: manifest unknown',
    'image-not-found',
    2,
  ],
  [
    'Failed to pull image "registry.example.com/unauthorized:403": rpc error: code = Unknown desc = Error response from daemon: manifest for registry.example.com/unauthorized:403 not found: manifest unknown',
    'image-not-found',
    2,
  ],
  [
    'Failed to pull image "registry.example.com/a:1": rpc error: code = Unknown desc = failed to pull and unpack image "registry.example.com/a:1": failed to resolve reference "registry.example.com/a:1": unexpected status from HEAD request to https://registry.example.com/v2/a/manifests/429?ns=toomanyrequests.example: 503 Service Unavailable',
    'server-error',
    null,
  ],
  [
    'Failed to pull image "toomanyrequests.example.com/a:1": rpc error: code = Unknown desc = failed to pull and unpack image "toomanyrequests.example.com/a:1": failed to resolve reference "toomanyrequests.example.com/a:1": failed to do request: Head "https://toomanyrequests.example.com/v2/a/manifests/1": dial tcp: lookup toomanyrequests.example.com on 10.0.0.2:53: no such host',
    'no-such-host',
    2,
  ],
  [
    'Failed to pull image "eof": rpc error: code = Unknown desc = Error response from daemon: Get "https://registry-1.docker.io/v2/library/eof/manifests/x509": dial tcp: lookup eof: i/o timeout',
    'dns-failed',
    7,
  ],
  ['Back-off pulling image "x509"', 'back-off', null],
  [
    'Failed to apply default image tag "x509: certificate signed by unknown authority": couldn\'t parse image name "x509: certificate signed by unknown authority": invalid reference format',
    'reference-invalid',
    2,
  ],
  [
    'Unable to retrieve some image pull secrets (toomanyrequests, x509); attempting to pull the image may not succeed.',
    'pull-secret-missing',
    3,
  ],
  ['Container image "x509" is not present with pull policy of Never', 'never-pull', null],
  [
    'Failed to pull image "no.such.host/app:1": rpc error: code = Unknown desc = failed to pull and unpack image "no.such.host/app:1": failed to resolve reference "no.such.host/app:1": failed to do request: Head "https://no.such.host/v2/app/manifests/1": x509: certificate signed by unknown authority',
    'unknown-ca',
    5,
  ],
];

/** Of no pull, whatever words they share with one. */
export const OTHERS: readonly string[] = [
  'Readiness probe failed: Get "http://10.0.0.1:8080/health": dial tcp 10.0.0.1:8080: connect: connection refused',
  'Error: secret "db" not found',
  'MountVolume.SetUp failed for volume "cfg" : configmap "app" not found',
  'Back-off restarting failed container web in pod web-1_default(1)',
  '0/3 nodes are available: 3 Insufficient cpu. preemption: not found',
  'Internal error occurred: failed calling webhook "a": failed to call webhook: Post "https://a.b.svc:443/mutate": x509: certificate signed by unknown authority',
  'something that nobody has seen',
  'Error: specified sandbox not found: 0123',
  'Error: failed to start container "a": container 0123: not found',
  'Error: sub path "conf" does not exist in image volume "/volumes/1"',
  'Readiness probe failed: failed to pull image "a/b:1": no such host',
];
