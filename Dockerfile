# One image a service: docker build --build-arg FOLDER=services/credits .
FROM node:24-bookworm-slim AS build
WORKDIR /app
ENV TURBO_TELEMETRY_DISABLED=1 DO_NOT_TRACK=1
# What is installed changes seldom: it stays cached while only sources change.
COPY package.json package-lock.json turbo.json rolldown.config.ts ./
COPY packages/shared/package.json packages/shared/
COPY services/gateway/package.json services/gateway/
COPY services/credits/package.json services/credits/
COPY services/usage/package.json services/usage/
COPY services/coupons/package.json services/coupons/
COPY services/openrouter/package.json services/openrouter/
COPY tools/package.json tools/
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY packages packages
COPY services services
COPY tools tools
RUN npx turbo run build --filter=@tollbooth/tools --filter=@tollbooth/gateway

# Only what the service needs when it runs: neither tools of development nor the Postgres of local runs.
FROM build AS installed
ARG FOLDER
RUN npm ci --ignore-scripts --no-audit --no-fund --omit=dev --omit=optional --workspace ${FOLDER} \
  && rm -r packages/*/src services/*/src tools/src

FROM node:24-bookworm-slim
ARG FOLDER
ENV NODE_ENV=production
COPY --from=installed /app /app
# A volume that is mounted at one of these belongs to the user who runs.
RUN mkdir -p /keys /seeds/gateway /seeds/credits /seeds/usage /seeds/coupons /seeds/openrouter /seeds/operator /home/node/tollbooth \
  && chown -R node:node /keys /seeds /home/node
WORKDIR /app/${FOLDER}
USER node
STOPSIGNAL SIGTERM
CMD ["node", "--enable-source-maps", "dist/main.js"]
