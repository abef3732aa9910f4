// The node's own client, which we did not write:  node kubo_client.mjs MODULE API (write|read) MFS_PATH FILE
import fs from 'node:fs'
import process from 'node:process'

const [module, api, what, path, file] = process.argv.slice(2)
const { create } = await import(module)
const ipfs = create({ url: api + '/api/v0' })

if (what === 'write') {
  const { cid } = await ipfs.add(fs.readFileSync(file), { cidVersion: 1, rawLeaves: true, chunker: 'size-262144' })
  await ipfs.files.cp(`/ipfs/${cid}`, path, { parents: true })
} else {
  const pieces = []
  for await (const piece of ipfs.files.read(path)) pieces.push(piece)
  fs.writeFileSync(file, Buffer.concat(pieces))
}
