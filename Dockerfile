# The reference destination as an image that holds nothing else:
#
#     cargo static-reference
#     docker build --tag touchdown-reference .
#
# The binary is built before, so that no base image has to be pulled. Dockerfile.from-source builds
# it in a container; that is a file of its own because docker's classic builder carries out every
# stage of a file, wanted or not.

# WORKDIR makes a folder, but always root's: COPY gives it away. Where a volume is mounted upon it,
# docker hands its owner on to the volume.
FROM scratch AS folders
WORKDIR /local

FROM scratch
COPY target/static/*/release/reference-destination /touchdown-reference
COPY --from=folders --chown=1000:1000 /local /local
USER 1000:1000

LABEL io.airbyte.name=touchdown/reference
LABEL io.airbyte.version=0.1.0
# How touchdown tests it. There is no shell in here, on purpose.
LABEL touchdown.io=attach
LABEL touchdown.volume=/local
LABEL touchdown.config='{"path":"/local/reference.sqlite","passphrase":"correct horse battery staple","flush":{"batch_records":10000}}'
LABEL touchdown.unreachable-config='{"path":"/local/no/such/folder/reference.sqlite","passphrase":"correct horse battery staple","flush":{"batch_records":10000}}'
LABEL touchdown.readback-once="/touchdown-reference read"
LABEL touchdown.inventory="/touchdown-reference read --inventory"
LABEL touchdown.declare="refreshes,unknown-streams=failed,numbers=exact"

ENV AIRBYTE_ENTRYPOINT=/touchdown-reference
ENTRYPOINT ["/touchdown-reference"]
