// A Bluesky server (PDS) and the directory of identities that it needs (PLC), in this process.
// Told by one JSON argument: folder, port, directory (its port), secret. Says when it is ready.
import { join } from 'node:path'
import { Secp256k1Keypair } from '@atproto/crypto'
import { PDS } from '@atproto/pds'
import { Database, PlcServer } from '@did-plc/server'

const told = JSON.parse(process.argv[2])
const directory = PlcServer.create({ db: Database.mock(), port: told.directory })
await directory.start()

const [rotation, recovery] = await Promise.all([
  Secp256k1Keypair.create({ exportable: true }),
  Secp256k1Keypair.create(),
])
const server = await PDS.fromEnv({
  devMode: true,
  enableDidDocWithSession: true,
  disableSsrfProtection: true,
  inviteRequired: false,
  rateLimitsEnabled: false,
  hostname: 'localhost',
  port: told.port,
  serviceHandleDomains: ['.test'],
  dataDirectory: told.folder,
  blobstoreDiskLocation: join(told.folder, 'blobs'),
  didPlcUrl: `http://localhost:${told.directory}`,
  recoveryDidKey: recovery.did(),
  plcRotationKeyK256PrivateKeyHex: Buffer.from(await rotation.export()).toString('hex'),
  adminPassword: told.secret,
  jwtSecret: told.secret,
})
await server.start()
console.log(JSON.stringify({ ready: true }))

process.on('SIGTERM', async () => {
  await server.destroy()
  await directory.destroy()
  process.exit(0)
})
