import { samples, type Sample } from './samples.ts';

const crio = (rest: string, image = 'registry.example.com/team/app:1'): string =>
  `Failed to pull image "${image}": rpc error: code = Unknown desc = ${rest}`;
const source = (rest: string): string => crio(`initializing source docker://registry.example.com/team/app:1: ${rest}`);
const manifest = (rest: string): string => source(`reading manifest 1 in registry.example.com/team/app: ${rest}`);

/** containers/image and CRI-O: docker/docker_client.go, errors.go, copy, signature, pkg/shortnames, server/image_pull.go. */
export const CRIO: readonly Sample[] = [
  ...samples(manifest)(`
    image-not-found: manifest unknown
    image-not-found: manifest unknown: manifest unknown
    repository-not-found: name unknown: Repository name not known to registry
    credentials-missing: unauthorized: authentication required
    access-denied: unauthorized: access to the requested resource is not authorized
    access-denied: unauthorized: unauthorized to access repository: team/app, action: pull: unauthorized to access repository: team/app, action: pull
    access-denied: denied: requested access to the resource is denied
    access-denied: requested access to the resource is denied
    rate-limited: toomanyrequests: You have reached your pull rate limit. You may increase the limit by authenticating and upgrading: https://www.docker.com/increase-rate-limit
    server-error: received unexpected HTTP status: 502 Bad Gateway
    web-page-not-found: StatusCode: 404, "404 page not found\\n"
    web-page-not-found: StatusCode: 404, "<!DOCTYPE html>\\n<html lang=\\"en\\">..."
    web-page: error parsing HTTP 403 response body: invalid character '<' looking for beginning of value: "<html>"
    layer-corrupt: Manifest does not match provided manifest digest sha256:1
  `),
  ...samples(source)(`
    rate-limited: reading manifest 1 in registry.example.com/team/app: too many requests to registry
    credentials-refused: unable to retrieve auth token: invalid username/password: unauthorized: incorrect username or password
    credentials-refused: unable to retrieve auth token: invalid username/password: unauthorized: HTTP Basic: Access denied
    credentials-refused: unable to retrieve auth token: invalid username/password: unauthorized: authentication required
    token-denied: Requesting bear token: invalid status code from registry 403 (Forbidden)
    token-denied: Requesting bearer token: received unexpected HTTP status: 403 Forbidden
    unknown-ca: pinging container registry registry.example.com: Get "https://registry.example.com/v2/": x509: certificate signed by unknown authority
    no-route: pinging container registry registry.example.com: Get "https://registry.example.com/v2/": dial tcp 192.0.2.1:443: connect: no route to host
    no-such-host: pinging container registry registry.example.com: Get "http://registry.example.com/v2/": dial tcp: lookup registry.example.com: no such host
    server-error: pinging container registry registry.example.com: StatusCode: 503, "upstream connect error"
    layer-corrupt: Image manifest does not match selected manifest digest "sha256:1"
    broken-registry: Unimplemented manifest MIME type "application/vnd.example"
    connection-reset: decoding bearer token (last URL "https://a.example/token", body start "no"): EOF
  `),
  ...samples(crio)(`
    no-tls: error pinging docker registry registry.example.com: Get "https://registry.example.com/v2/": http: server gave HTTP response to HTTPS client
    image-not-found: (Mirrors also failed: [mirror.example.com/team/app:1: pinging container registry mirror.example.com: Get "https://mirror.example.com/v2/": dial tcp 192.0.2.2:443: i/o timeout]): registry.example.com/team/app:1: reading manifest 1 in registry.example.com/team/app: manifest unknown
    signature-refused: copying system image from manifest list: Source image rejected: A signature was required, but no signature exists
    registry-blocked: Source image rejected: Running image docker://registry.example.com/team/app:1 is rejected by policy.
    registry-blocked: initializing source docker://registry.example.com/team/app:1: registry registry.example.com is blocked in /etc/containers/registries.conf or /etc/containers/registries.conf.d
    platform-missing: choosing an image from manifest list docker://registry.example.com/team/app:1: no image found in manifest list for architecture arm64, variant "v8", OS linux
    platform-missing: choosing image instance: no image found in image index for architecture "s390x", variant "", OS "linux"
    not-an-image: parsing manifest blob: unsupported image-specific operation on artifact with type "application/vnd.cncf.helm.config.v1+json"
    disk-full: writing blob: storing blob to file "/var/tmp/container_images_storage1/1": write /var/tmp/container_images_storage1/1: no space left on device
    connection-reset: copying system image from manifest list: writing blob: adding layer with blob "sha256:1": processing tar file(exit status 1): unexpected EOF
    no-such-host: writing blob: storing blob to file "/var/tmp/1": happened during read: unexpected EOF (while reconnecting: Get "https://cdn01.quay.io/a?X-Amz-Signature=abc": dial tcp: lookup cdn01.quay.io: no such host)
    unpack-failed: writing blob: adding layer with blob "sha256:1": Error processing tar file(exit status 1): potentially insufficient UIDs or GIDs available in user namespace
    image-too-large: reading blob sha256:1: context canceled
    layer-corrupt: Digest did not match, expected sha256:1, got sha256:2
    layer-corrupt: copying blob: Size mismatch when copying sha256:1, expected 10, got 8
    layer-corrupt: uncompressed digest of layer "sha256:1" is "sha256:2", config claims "sha256:3"
    layer-unsupported: detecting compression: bzip2 compression not supported
    unpack-failed: writing blob: creating temporary on-disk layer: open /var/tmp/a: permission denied
    image-gone: resolve pulled image a: not found in container storage (sha256:1)
  `),
  ...samples()(`
    image-not-found: Failed to pull image "harbor.example.com/a/nginx:s": unable to pull image or OCI artifact: pull image err: initializing source docker://harbor.example.com/a/nginx:s: reading manifest s in harbor.example.com/a/nginx: manifest unknown; artifact err: get manifest: build image source: reading manifest s in harbor.example.com/a/nginx: unauthorized: authentication required
    signature-refused: Failed to pull image "registry.example.com/team/app:1": SignatureValidationFailed: unable to pull image or OCI artifact: pull image err: copying system image from manifest list: Source image rejected: None of the signatures were accepted, reasons: cryptographic signature verification failed
    signature-refused: image pull failed for registry.example.com/team/app:1 because the signature validation failed: Source image rejected: Signature for identity "a" is not accepted
    registry-unavailable: image pull failed for registry.example.com/team/app:1 because the registry is unavailable.
    connection-refused: image pull failed for registry.example.com/team/app:1 because the registry is unavailable: pinging container registry registry.example.com: Get "https://registry.example.com/v2/": dial tcp 192.0.2.1:443: connect: connection refused
    short-name: Failed to inspect image "": rpc error: code = Unknown desc = short-name "app:1" did not resolve to an alias and no unqualified-search registries are defined in "/etc/containers/registries.conf"
    short-name: Failed to inspect image "": rpc error: code = Unknown desc = short name mode is enforcing, but image name app:1 returns ambiguous list
  `),
  [
    crio(
      'Error reading manifest latest in docker.io/acme/nginx: errors:\ndenied: requested access to the resource is denied\nunauthorized: authentication required\n',
      'docker.io/acme/nginx',
    ),
    'repository-not-found',
  ],
  [
    crio(
      'pinging container registry registry.example.com: received unexpected HTTP status: 400 Bad Request\nClient sent an HTTP request to an HTTPS server.',
    ),
    'tls-required',
  ],
  [
    crio(
      'unable to pull image or OCI artifact: pull image err: initializing source docker://r.example/a:1: reading manifest 1 in r.example/a: manifest unknown; artifact err: get manifest: build image source: reading manifest 1 in r.example/a: name unknown',
      'r.example/a:1',
    ),
    'image-not-found',
  ],
];

const docker = (rest: string, image = 'registry.example.com/team/app:1'): string =>
  `Failed to pull image "${image}": rpc error: code = Unknown desc = Error response from daemon: ${rest}`;

/** moby and cri-dockerd: distribution/errors.go, pull_v2.go, xfer, daemon/containerd, core/image.go. */
export const DOCKER: readonly Sample[] = [
  ...samples(docker)(`
    image-not-found: manifest for registry.example.com/team/app:1 not found: manifest unknown: manifest unknown
    image-not-found: manifest for registry.example.com/team/app:1 not found
    repository-not-found: repository registry.example.com/team/app not found: name unknown: repository name not known to registry
    anonymous-denied: repository registry.example.com/team/app not found: does not exist or no pull access
    anonymous-denied: pull access denied for registry.example.com/team/app, repository does not exist or may require 'docker login'
    credentials-missing: Get https://registry.example.com/v2/team/app/manifests/1: unauthorized: authentication required
    credentials-missing: Get https://registry.example.com/v2/team/app/manifests/1: no basic auth credentials
    credentials-missing: Get https://swr.eu-de.otc.t-systems.com/v2/a/b/manifests/1: denied: You may not login yet
    access-denied: Head "https://gitlab.example.com:5050/v2/a/manifests/1": denied: access forbidden
    access-denied: Head "https://ghcr.io/v2/a/b/manifests/1": denied
    access-denied: denied: permission_denied: The token provided does not match expected scopes.
    access-denied: denied: Permission "artifactregistry.repositories.downloadArtifacts" denied on resource "projects/p/locations/l/repositories/r" (or it may not exist)
    credentials-missing: denied: Unauthenticated request. Unauthenticated requests do not have permission "artifactregistry.repositories.downloadArtifacts" on resource "projects/p"
    credentials-refused: denied: Your authorization token has expired. Reauthenticate and try again.
    access-denied: denied: User: arn:aws:sts::1:assumed-role/node is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:eu-central-1:1:repository/a
    repository-not-found: name unknown: The repository with name 'a' does not exist in the registry with id '123456789012'
    rate-limited: toomanyrequests: Rate exceeded
    rate-limited: toomanyrequests: retry-after: 1.2ms, allowed: 44000/minute
    access-blocked: denied: Artifact Registry API has not been used in project 1 before or it is disabled. Enable it by visiting https://console.developers.google.com then retry.
    access-blocked: unknown: current image without vulnerability scanning cannot be pulled due to configured policy in 'Prevent images with vulnerability severity of "High" or higher from running.'
    unknown-ca: error pulling image configuration: Get https://production.cloudflare.docker.com/registry-v2/docker/registry/v2/blobs/sha256/e8/1/data?verify=1636972064-AQbl5RActnudDZV%2F3EShZwnqOe8%3D: x509: certificate signed by unknown authority
    timeout: error pulling image configuration: download failed after attempts=6: net/http: TLS handshake timeout
    layer-missing: error pulling image configuration: download failed after attempts=1: unknown blob
    platform-missing: no matching manifest for linux/arm64/v8 in the manifest list entries
    platform-missing: no matching manifest for linux/amd64 in the manifest list entries: no match for platform in manifest: not found
    platform-missing: image operating system "windows" cannot be used on this platform
    platform-missing: a Windows version 10.0.20348-based image is incompatible with a 10.0.17763 host
    not-an-image: Encountered remote "application/vnd.cncf.helm.config.v1+json"(helm) when fetching
    schema-1: Docker Image Format v1 and Docker Image manifest version 2, schema 1 support has been removed. Suggest the author of registry.example.com/team/app:1 to upgrade the image
    schema-1: unsupported media type application/vnd.docker.distribution.manifest.v1+prettyjws
    layer-corrupt: filesystem layer verification failed for digest sha256:1
    layer-corrupt: failed to register layer: ApplyLayer exit status 1 stdout:  stderr: archive/tar: invalid tar header
    disk-full: failed to register layer: Error processing tar file(exit status 1): write /usr/lib/a: no space left on device
    unpack-failed: failed to register layer: lsetxattr user.overlay.impure /etc: operation not supported
    server-error: received unexpected HTTP status: 503 Service Unavailable
    platform-missing: requested platform(s) ([linux/arm64]) not found
    layer-missing: requested platform(s) ([linux/amd64]) found, but some content is missing
    platform-missing: operating system is not supported
    not-an-image: invalid image JSON, no RootFS key
    not-an-image: Running AI models directly by the Engine is not supported yet, please use 'docker model run' instead
    image-gone: layer sha256:1 was not found (corruption?)
  `),
  ...samples()(`
    web-page: Failed to pull image "a/b:1": rpc error: code = Unknown desc = RegistryUnavailable: Error: Status 502 trying to pull repository a/b: "<html>"
    image-too-large: Failed to pull image "a/b:1": rpc error: code = Unknown desc = context canceled
    timeout: Failed to pull image "docker.io/bitnami/nginx:1.22.0-debian-11-r3": rpc error: code = Unknown desc = Error response from daemon: Get https://registry-1.docker.io/v2/: net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)
    no-such-host: Failed to pull image "nginx:v1.1": rpc error: code = Unknown desc = Error response from daemon: Get https://registry-1.docker.io/v2/: dial tcp: lookup registry-1.docker.io: no such host
    disk-full: Failed create pod sandbox: rpc error: code = Unknown desc = failed to create a sandbox for pod "nginx-6dc48bf8b6-l8xrw": Error response from daemon: mkdir xxxxx: no space left on device
    connection-refused: Failed to create pod sandbox: rpc error: code = Unknown desc = failed pulling image "registry.k8s.io/pause:3.6": Error response from daemon: Get "https://registry.k8s.io/v2/": dial tcp 1.2.3.4:443: connect: connection refused
    runtime-down: Failed to pull image "a/b:1": rpc error: code = Unknown desc = Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?
    image-gone: Error: Error response from daemon: No such image: a/b:1
  `),
  [
    docker(
      "pull access denied for acme/app, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
      'acme/app',
    ),
    'repository-not-found',
  ],
  [
    docker(
      'Get "https://registry-1.docker.io/v2/acme/app/manifests/1": unauthorized: incorrect username or password',
      'acme/app:1',
    ),
    'credentials-refused',
  ],
];

/** kubelet itself: images/image_manager.go, kubelet_pods.go, eviction, and what it writes when it waits. */
export const KUBELET: readonly Sample[] = [
  ...samples()(`
    never-pull: Container image "a/b:1" is not present with pull policy of Never
    never-pull: Error: ErrImageNeverPull
    pull-qps: Failed to pull image "a/b:1": pull QPS exceeded
    pull-secret-missing: Unable to retrieve some image pull secrets (a, b); attempting to pull the image may not succeed.
    reference-invalid: Error: InvalidImageName
    reference-invalid: Failed to apply default image tag "a b:1": couldn't parse image name "a b:1": invalid reference format
    back-off: Back-off pulling image "a/b:1"
    back-off: Error: ImagePullBackOff
    back-off: ErrImagePull
    image-not-found: Back-off pulling image "a/b:1": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "docker.io/a/b:1": failed to resolve reference "docker.io/a/b:1": docker.io/a/b:1: not found
    unknown: Back-off pulling image "a/b:1": ErrImagePull: failed to pull and unpack image "docker.io/a/b:1": failed to resolve reference "docker.io/a/b:1": something that nobody has seen
    image-not-found: Failed to pull image "a/b:1": rpc error: code = NotFound
    disk-full: The node was low on resource: ephemeral-storage. Threshold quantity: 1, available: 0.
    disk-full: failed to garbage collect required amount of images. Attempted to free 1000 bytes, but only found 0 bytes eligible to free.
    rate-limited: ERROR: toomanyrequests: Too Many Requests.
    rate-limited: you have reached your pull rate limit, you may increase the limit by authenticating an upgrading
    disk-full: no space left on device
  `),
  // Pulls that are recorded, from Kubernetes 1.33 on.
  ...samples()(`
    disk-full: Failed to record image pull intent for container image "a/b:1": failed to record image pull intent: write /var/lib/kubelet/image_manager/pulling/sha256-1: no space left on device
    unknown: Failed to record image pull intent for container image "a/b:1": failed to record image pull intent: open /var/lib/kubelet/image_manager/pulling/sha256-1: permission denied
  `),
  // What is missing is not the image.
  ...samples()(`
    unknown: Failed to pull image "a/b:1": failed to get service account token: serviceaccounts "builder" not found
    no-route: Error: ErrImagePull: [failed to pull and unpack image "r.example/a:1": failed to do request: Head "https://r.example/v2/a/manifests/1": dial tcp 192.0.2.1:443: connect: no route to host]
  `),
];

/** Names that are the words of other causes: none of them decides. */
export const NAMES: readonly Sample[] = [
  ...samples()(`
    image-not-found: Failed to pull image "registry.example.com/no-space-left-on-device/x509:eof": rpc error: code = NotFound desc = failed to pull and unpack image "registry.example.com/no-space-left-on-device/x509:eof": failed to resolve reference "registry.example.com/no-space-left-on-device/x509:eof": registry.example.com/no-space-left-on-device/x509:eof: not found
    image-not-found: Failed to pull image "toomanyrequests": rpc error: code = NotFound desc = failed to pull and unpack image "docker.io/library/toomanyrequests:latest": failed to resolve reference "docker.io/library/toomanyrequests:latest": docker.io/library/toomanyrequests:latest: not found
    repository-not-found: Failed to pull image "x509": rpc error: code = Unknown desc = Error response from daemon: pull access denied for x509, repository does not exist or may require 'docker login': denied: requested access to the resource is denied
    image-not-found: Failed to pull image "registry.example.com/a:toomanyrequests": rpc error: code = Unknown desc = initializing source docker://registry.example.com/a:toomanyrequests: reading manifest toomanyrequests in registry.example.com/a: manifest unknown
    image-not-found: Failed to pull image "registry.example.com/unauthorized:403": rpc error: code = Unknown desc = Error response from daemon: manifest for registry.example.com/unauthorized:403 not found: manifest unknown
    server-error: Failed to pull image "registry.example.com/a:1": rpc error: code = Unknown desc = failed to pull and unpack image "registry.example.com/a:1": failed to resolve reference "registry.example.com/a:1": unexpected status from HEAD request to https://registry.example.com/v2/a/manifests/429?ns=toomanyrequests.example: 503 Service Unavailable
    no-such-host: Failed to pull image "toomanyrequests.example.com/a:1": rpc error: code = Unknown desc = failed to pull and unpack image "toomanyrequests.example.com/a:1": failed to resolve reference "toomanyrequests.example.com/a:1": failed to do request: Head "https://toomanyrequests.example.com/v2/a/manifests/1": dial tcp: lookup toomanyrequests.example.com on 10.0.0.2:53: no such host
    dns-failed: Failed to pull image "eof": rpc error: code = Unknown desc = Error response from daemon: Get "https://registry-1.docker.io/v2/library/eof/manifests/x509": dial tcp: lookup eof: i/o timeout
    back-off: Back-off pulling image "x509"
    reference-invalid: Failed to apply default image tag "x509: certificate signed by unknown authority": couldn't parse image name "x509: certificate signed by unknown authority": invalid reference format
    pull-secret-missing: Unable to retrieve some image pull secrets (toomanyrequests, x509); attempting to pull the image may not succeed.
    never-pull: Container image "x509" is not present with pull policy of Never
    unknown-ca: Failed to pull image "no.such.host/app:1": rpc error: code = Unknown desc = failed to pull and unpack image "no.such.host/app:1": failed to resolve reference "no.such.host/app:1": failed to do request: Head "https://no.such.host/v2/app/manifests/1": x509: certificate signed by unknown authority
  `),
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
