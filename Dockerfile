# docker build -t pullguard:0.1.0 .
#
# The base image by another address, such as that of a mirror:
# docker build --build-arg NODE_IMAGE=swr.eu-de.otc.t-systems.com/dockerhub/library/node:24-trixie-slim .

# A long-term support release, pinned to its major version: rebuilding brings the fixes of that line and nothing else.
ARG NODE_IMAGE=node:24-trixie-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
# Before the sources: npm runs again only when a dependency changes.
COPY package.json package-lock.json ./
# No package needs its install scripts, so none is run.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts

FROM ${NODE_IMAGE}
# express, for one, shows no stack traces then.
ENV NODE_ENV=production
WORKDIR /app
# What changes least comes first.
COPY --from=dependencies /app/node_modules ./node_modules
COPY LICENSE package.json ./
# `pullguard rules ID` prints them.
COPY docs/rules ./docs/rules
COPY --from=build /app/dist ./dist
# A number, as kubelet cannot tell of a name whether it is root. Everything above belongs to root: nothing here can be
# written by the process.
USER 65532:65532
# The webhook over TLS, and health and metrics in plain HTTP; kubelet looks at those, so there is no check in here.
EXPOSE 8443 8080
ENTRYPOINT ["node", "dist/main.js"]
CMD ["serve"]
