# The server, in an image of its own.
#
#   docker build -f docs/server.Dockerfile -t vmunet-serve .
#   openssl rand -hex 32 > tokens.txt
#   docker run -d -p 127.0.0.1:8080:8080 --user "$(id -u):$(id -g)" -v "$PWD/tokens.txt:/tokens.txt:ro" -v "$PWD/jobs:/data" vmunet-serve
#
# Scripts/try-dockerfile.sh goes through these steps without Docker.
FROM swift:6.3-bookworm AS build
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends g++ git pkg-config \
    libturbojpeg0-dev libpng-dev libzip-dev zlib1g-dev libsqlite3-dev
COPY . /source
RUN VMUNET_SERVER=1 swift build -c release --product vmunet-serve --static-swift-stdlib --package-path /source --scratch-path /build
RUN mkdir -p /vmunet/Weights && strip -o /vmunet/vmunet-serve /build/release/vmunet-serve \
    && cp /source/Weights/isic17.safetensors /vmunet/Weights/ \
    && cp -R /source/Sources/VMUNetBrowser/Page /vmunet/page && cp -R /source/Sources/Server/Page /vmunet/server-page

FROM debian:bookworm-slim
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends libturbojpeg0 libpng16-16 libzip4 libsqlite3-0 libstdc++6 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /vmunet /opt/vmunet
ENTRYPOINT ["/opt/vmunet/vmunet-serve"]
CMD ["serve", "--host", "0.0.0.0", "--tokens", "/tokens.txt", "--data", "/data"]
