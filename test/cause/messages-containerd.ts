import { samples, type Sample } from './samples.ts';

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
  ...samples(resolve)(`
    image-not-found: registry.example.com/team/app:1: not found
    credentials-missing: pulling from host registry.example.com failed with status code [manifests 1]: 401 Unauthorized
    image-not-found: pulling from host registry.example.com failed with status code [manifests 403]: 404 Not Found
    credentials-missing: unexpected status from HEAD request to https://registry.example.com/v2/team/app/manifests/1: 401 Unauthorized
    access-denied: unexpected status from HEAD request to https://registry.example.com/v2/team/app/manifests/1: 403 Forbidden
    access-blocked: unexpected status from HEAD request to https://registry.example.com/v2/team/app/manifests/1: 412 Precondition Failed
    rate-limited: unexpected status from HEAD request to https://registry.example.com/v2/team/app/manifests/1: 429 Too Many Requests
    server-error: unexpected status from HEAD request to https://registry.example.com/v2/team/app/manifests/1: 500 Internal Server Error
    server-error: unexpected status from HEAD request to https://registry.example.com/v2/team/app/manifests/1: 502 Bad Gateway
    broken-registry: unexpected status from HEAD request to https://registry.example.com/v2/team/app/manifests/1: 405 Method Not Allowed
    credentials-missing: unexpected status code [manifests 1]: 401 Unauthorized
    anonymous-denied: pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed
    credentials-missing: pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials
    credentials-refused: pull access denied, repository does not exist or may require authorization: server message: invalid_token: authorization failed
    credentials-missing: failed to authorize: failed to fetch anonymous token: unexpected status: 401 Unauthorized
    token-denied-anonymous: failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://ghcr.io/token?scope=repository%3Ateam%2Fapp%3Apull&service=ghcr.io: 403 Forbidden
    credentials-refused: failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized
    credentials-refused: failed to authorize: failed to fetch oauth token: unexpected status from POST request to https://registry.example.com/oauth2/token: 400 Bad Request
    no-such-host: failed to authorize: failed to fetch anonymous token: Get "https://auth.docker.io/token?scope=repository%3Ateam%2Fapp%3Apull&service=registry.docker.io": dial tcp: lookup auth.docker.io on 10.0.0.2:53: no such host
    timeout: failed to authorize: failed to fetch oauth token: Post "https://auth.docker.io/token": net/http: TLS handshake timeout
    broken-registry: failed to authorize: authorization server did not include a token in the response
    credentials-missing: failed to authorize: failed to handle basic auth because missing username or secret
    web-page: failed to authorize: unable to decode token response: invalid character '<' looking for beginning of value
    schema-1: not implemented: media type "application/vnd.docker.distribution.manifest.v1+prettyjws" is no longer supported since containerd v2.1, please rebuild the image as "application/vnd.docker.distribution.manifest.v2+json" or "application/vnd.oci.image.manifest.v1+json"
    broken-registry: rejecting 9437185 byte manifest for registry.example.com/team/app:1: not found
  `),
  ...samples(pull)(`
    image-not-found: failed to resolve image: registry.example.com/team/app:1: not found
    schema-1: schema 1 image manifests are no longer supported: invalid argument
  `),
  ...samples()(`
    repository-not-found: Failed to pull image "acme/private": failed to pull and unpack image "docker.io/acme/private:latest": failed to resolve reference "docker.io/acme/private:latest": pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed
  `),
  [
    resolve('unexpected status from HEAD request to https://registry.example.com/v2/team/app/manifests/1: 521 '),
    'server-error',
  ],
  [
    resolve(
      "unexpected status from GET request to https://registry.example.com/v2/team/app/manifests/1: 403 Forbidden\ndenied: client with IP '203.0.113.7' is not allowed access",
    ),
    'access-blocked',
  ],
  // Go's net, net/http and crypto
  ...samples(request)(`
    no-such-host: dial tcp: lookup registry.example.com on 10.96.0.10:53: no such host
    dns-failed: dial tcp: lookup registry.example.com: Temporary failure in name resolution
    dns-failed: dial tcp: lookup registry.example.com on 127.0.0.53:53: server misbehaving
    dns-failed: dial tcp: lookup registry.example.com on [::1]:53: read udp [::1]:40651->[::1]:53: read: connection refused
    timeout: dial tcp 192.0.2.1:443: i/o timeout
    no-route: dial tcp [2001:db8::1]:443: connect: network is unreachable
    no-route: dial tcp [2001:db8::1]:443: connect: cannot assign requested address
    no-route: dial tcp 192.0.2.1:443: connect: no route to host
    connection-refused: dial tcp 192.0.2.1:443: connect: connection refused
    timeout: dial tcp 192.0.2.1:443: connect: connection timed out
    connection-reset: read tcp 10.0.0.2:40000->192.0.2.1:443: read: connection reset by peer
    connection-reset: write tcp 10.0.0.2:40000->192.0.2.1:443: write: broken pipe
    connection-reset: EOF
    connection-reset: http2: server sent GOAWAY and closed the connection; LastStreamID=1, ErrCode=NO_ERROR, debug=""
    timeout: net/http: TLS handshake timeout
    timeout: net/http: timeout awaiting response headers
    timeout: context deadline exceeded
    timeout: context deadline exceeded (Client.Timeout exceeded while awaiting headers)
    proxy-failed: proxyconnect tcp: dial tcp 10.1.1.1:3128: connect: connection refused
    proxy-failed: proxyconnect tcp: tls: first record does not look like a TLS handshake
    proxy-failed: Proxy Authentication Required
    no-tls: http: server gave HTTP response to HTTPS client
    no-tls: tls: first record does not look like a TLS handshake
    tls-required: net/http: HTTP/1.x transport connection broken: malformed HTTP response "\\x15\\x03\\x01\\x00\\x02\\x02"
    unknown-ca: x509: certificate signed by unknown authority
    unknown-ca: tls: failed to verify certificate: x509: certificate signed by unknown authority (possibly because of "crypto/rsa: verification error" while trying to verify candidate authority certificate "ca")
    certificate-expired: tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-06-01T12:00:00Z is after 2026-01-01T00:00:00Z
    certificate-wrong-host: tls: failed to verify certificate: x509: cannot validate certificate for 192.0.2.1 because it doesn't contain any IP SANs
    certificate-wrong-host: tls: failed to verify certificate: x509: certificate is not valid for any names, but wanted to match registry.example.com
    certificate-wrong-host: x509: certificate relies on legacy Common Name field, use SANs instead
    certificate-unusable: tls: failed to verify certificate: x509: cannot verify signature: insecure algorithm SHA1-RSA
    tls-failed: remote error: tls: handshake failure
    tls-failed: remote error: tls: certificate required
  `),
  // remotes/docker/fetcher.go, httpreadseeker.go, content/helpers.go
  ...samples(copy)(`
    access-denied: unexpected status code https://registry.example.com/v2/team/app/blobs/${SHA}: 403 Forbidden
    rate-limited: unexpected status code https://registry-1.docker.io/v2/library/busybox/manifests/${SHA}: 429 Too Many Requests - Server message: toomanyrequests: You have reached your pull rate limit.
    server-error: unexpected status from GET request to https://registry.example.com/v2/team/app/blobs/${SHA}: 503 Service Unavailable
    layer-missing: could not fetch content descriptor ${SHA} (application/vnd.oci.image.layer.v1.tar+gzip) from remote: not found
    layer-missing: content at https://registry.example.com/v2/team/app/manifests/${SHA} not found: not found
    timeout: failed to do request: Get "https://cdn.example.net/blobs/${SHA}?X-Amz-Signature=abc": dial tcp 192.0.2.9:443: i/o timeout
  `),
  ...samples(pull)(`
    timeout: failed to copy: read tcp 10.0.0.2:40000->192.0.2.1:443: read: connection timed out
    connection-reset: failed to copy: unexpected EOF
    connection-reset: failed to copy: stream error: stream ID 17; INTERNAL_ERROR; received from peer
    image-too-large: failed to copy: context canceled
    image-too-large: context canceled
    layer-corrupt: failed commit on ref "layer-${SHA}": "layer-${SHA}" failed size validation: 12582912 != 24072527: failed precondition
    layer-corrupt: failed commit on ref "layer-${SHA}": unexpected commit digest ${SHA}, expected ${SHA}: failed precondition
    disk-full: failed commit on ref "layer-${SHA}": write /var/lib/containerd/io.containerd.content.v1.content/ingest/3f7c/data: no space left on device
  `),
  ...samples()(`
    image-too-large: Failed to pull image "a/b:1": rpc error: code = DeadlineExceeded desc = context deadline exceeded
  `),
  // core/images, core/unpack, client/image.go, archive
  ...samples(pull)(`
    platform-missing: no match for platform in manifest: not found
    platform-missing: no match for platform in manifest ${SHA}: not found
    platform-missing: snapshotter overlayfs does not support platform linux/arm64 for image sha256:1
    not-an-image: failed to unpack image on snapshotter overlayfs: mismatched image rootfs and manifest layers
    not-an-image: unpack: number of layers and diffIDs don't match: 1 != 0
    web-page: failed to unpack image on snapshotter overlayfs: unexpected media type text/html for ${SHA}: not found
    layer-corrupt: failed to extract layer ${SHA}: mount callback failed on /var/lib/containerd/tmpmounts/containerd-mount1: unexpected EOF: unknown
    layer-unsupported: failed to extract layer (application/vnd.oci.image.layer.v1.tar+gzip ${SHA}) to overlayfs as "extract-1 sha256:2": failed to get stream processor for application/vnd.oci.image.layer.v1.tar+encrypted: no processor for media-type: unknown
    layer-corrupt: failed to extract layer ${SHA}: mount callback failed on /tmp/1: archive/tar: invalid tar header: unknown
    unpack-failed: failed to extract layer ${SHA}: failed to Lchown "/a/b" for UID 0, GID 0: no such file or directory: unknown
    disk-unwritable: failed to prepare extraction snapshot "extract-1 sha256:2": failed to create prepare snapshot dir: mkdir /var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/new-1: read-only file system: unknown
    disk-full: failed to prepare extraction snapshot "extract-1 sha256:2": Thin Pool has 100 free data blocks which is less than minimum required 163 free data blocks. Create more free space in thin pool or use dm.min_free_space option to change behavior
    layer-corrupt: wrong diff id calculated on extraction "${SHA}"
    signature-refused: blocking pull of registry.example.com/team/app:1 with digest sha256:1: image verifier bindir returned error: exit status 1
    signature-refused: image verifier bindir blocked pull of registry.example.com/team/app:1 with digest sha256:1 for reason: not signed
  `),
  // Of content, snapshots and tokens, in 2.x as well
  ...samples(resolve)(`
    broken-registry: failed to authorize: failed to fetch anonymous token: invalid token auth challenge realm: parse ":"
  `),
  ...samples(pull)(`
    layer-missing: could not fetch content ${SHA} from remote: not found
    image-gone: failed to get reader from content store: content digest ${SHA}: not found
    unpack-failed: failed to prepare: parent snapshot ${SHA} does not exist: not found
    unpack-failed: missing parent "k8s.io/12/sha256:5" bucket: not found
    disk-unwritable: failed to list directory contents: /var/lib/containerd: read-only file system
    layer-corrupt: unexpected commit size 10, expected 20: failed precondition
  `),
  // internal/cri
  ...samples()(`
    reference-invalid: Failed to pull image "registry.example.com/team/app:1": rpc error: code = Unknown desc = failed to parse image reference "registry.example.com/Team/app:1": invalid reference format: repository name must be lowercase
    pull-secret-malformed: Failed to pull image "registry.example.com/team/app:1": rpc error: code = Unknown desc = invalid decoded auth: "user"
    pull-secret-malformed: Failed to pull image "registry.example.com/team/app:1": rpc error: code = Unknown desc = illegal base64 data at input byte 4
    runtime-down: Failed to pull image "registry.example.com/team/app:1": rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial unix /run/containerd/containerd.sock: connect: connection refused"
    timeout: Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox image "registry.k8s.io/pause:3.8": failed to pull image "registry.k8s.io/pause:3.8": failed to pull and unpack image "registry.k8s.io/pause:3.8": failed to resolve reference "registry.k8s.io/pause:3.8": failed to do request: Head "https://us-west2-docker.pkg.dev/v2/k8s-artifacts-prod/images/pause/manifests/3.8": dial tcp 142.251.8.82:443: i/o timeout
    sandbox-failed: Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "1": plugin type="calico" failed (add): error getting ClusterInformation: Get "https://10.96.0.1:443/apis": x509: certificate signed by unknown authority
    image-gone: Error: failed to create containerd container: failed to get image from containerd "sha256:1": image "sha256:1": not found
  `),
  // Two credentials: with the first the registry looked, and had no such image.
  ...samples()(`
    image-not-found: Failed to pull image "acme.azurecr.io/a/b:1": [rpc error: code = NotFound desc = failed to pull and unpack image "acme.azurecr.io/a/b:1": failed to resolve image: acme.azurecr.io/a/b:1: not found, failed to pull and unpack image "acme.azurecr.io/a/b:1": failed to resolve image: failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://acme.azurecr.io/oauth2/token?scope=repository%3Aa%2Fb%3Apull&service=acme.azurecr.io: 401 Unauthorized]
  `),
];
