# docker build -t pullguard:0.1.0 .
#
# The base images by other addresses, such as those of a mirror:
# docker build --build-arg BUILD_IMAGE=mirror.example.com/library/node:24-trixie-slim \
#   --build-arg NODE_IMAGE=mirror.example.com/distroless/nodejs24-debian13:nonroot .
#
# Long-term support releases, pinned to their major version: rebuilding brings the fixes of that line and nothing else. A digest behind a
# tag pins the image itself: Renovate adds it here and keeps it (renovate.json), and a release looks up what is missing.
ARG BUILD_IMAGE=node:24-trixie-slim
# Node.js and the libraries that it needs: no shell, no npm, no package manager.
ARG NODE_IMAGE=gcr.io/distroless/nodejs24-debian13:nonroot

# On the machine's own architecture: what is built is the same for all.
FROM --platform=${BUILDPLATFORM:-linux/amd64} ${BUILD_IMAGE} AS build
WORKDIR /app
# Before the sources: npm runs again only when a dependency changes.
COPY package.json package-lock.json ./
# No package needs its install scripts, so none is run.
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY scripts ./scripts
COPY src ./src
# `pullguard version` prints the commit, as there is no repository here to ask.
ARG REVISION
ENV PULLGUARD_COMMIT=${REVISION}
RUN npm run build

FROM ${NODE_IMAGE}
# Given by a release; what is not given says so.
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="pullguard" \
  org.opencontainers.image.description="Kubernetes admission webhook that prevents image pull failures at apply time" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.source="https://github.com/pullguard/pullguard" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"
ENV NODE_ENV=production
COPY LICENSE package.json /app/
# `pullguard rules ID` prints them.
COPY docs/rules /app/docs/rules
COPY --from=build /app/dist /app/dist
# A number, as kubelet cannot tell of a name whether it is root. Everything above belongs to root: nothing here can be
# written by the process.
USER 65532:65532
# The webhook over TLS, and health and metrics in plain HTTP; kubelet looks at those, so there is no check in here.
EXPOSE 8443 8080
# An absolute path, as a pipeline mounts its files where it likes: docker run --rm -v "$PWD:/work" -w /work pullguard:0.1.0 check .
ENTRYPOINT ["/nodejs/bin/node", "--enable-source-maps", "/app/dist/main.js"]
CMD ["serve"]
