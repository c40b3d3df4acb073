# syntax=docker/dockerfile:1
# Keyturn with what it needs to run, and nothing else. How to run it: docs/deployment.md.

FROM node:24-bookworm AS packages
WORKDIR /srv/keyturn
COPY package.json package-lock.json .npmrc ./
# The image has its own Node.js, and what builds and tests stays out of it.
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev
# For the next stage: `keyturn` on the PATH, and an empty directory to make others of.
RUN mkdir bin empty && ln -s ../src/bin.js bin/keyturn

# The program and its packages in a few files, which load sooner and take less memory than a thousand.
# What joins them, as all that builds and tests, stays in this stage.
FROM packages AS bundled
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts
COPY .ci/bundle.ts .ci/
COPY migrations migrations
COPY src src
RUN node .ci/bundle.ts

FROM node:24-bookworm-slim AS program
ENV NODE_ENV=production HOST=0.0.0.0 DATA_DIR=/var/lib/keyturn
ENV PATH=/srv/keyturn/bin:$PATH
WORKDIR /srv/keyturn
# The only places that the server's user may write to; a volume on one begins with its owner.
COPY --from=packages --chown=1000:1000 /srv/keyturn/empty /var/lib/keyturn
COPY --from=packages --chown=1000:1000 /srv/keyturn/empty /etc/keyturn/keys
COPY --from=packages /srv/keyturn/node_modules node_modules
COPY --from=packages /srv/keyturn/bin bin
COPY package.json LICENSE ./
COPY migrations migrations
COPY src src
# What every command's --help and many messages point to.
COPY docs docs

# Nothing is written beside the program later, so what Node.js would compile and keep at the first
# start is made here: by the user that it is for, and then nobody's to change.
FROM program AS compiled
COPY --from=bundled --chown=1000:1000 /srv/keyturn/node_modules/.cache node_modules/.cache
COPY .ci/compile.js .ci/
USER 1000:1000
RUN node .ci/compile.js serve && chmod -R a+rX node_modules/.cache

FROM program
COPY --from=compiled /srv/keyturn/node_modules/.cache node_modules/.cache
# The user `node`, by number: Kubernetes' runAsNonRoot reads no names.
USER 1000:1000
EXPOSE 3000 9464
VOLUME /var/lib/keyturn
# Whether the process lives. An orchestrator sends traffic by /readyz instead.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.PORT || 3000) + '/healthz').then(({ ok }) => process.exit(ok ? 0 : 1))"]
# No shell between: SIGTERM reaches the server itself.
ENTRYPOINT ["node", "src/bin.js"]
CMD ["serve"]
