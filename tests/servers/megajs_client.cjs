// megajs as a judge of our MEGA store. One login each:
//   node megajs_client.cjs read|write URL EMAIL PASSWORD PATH FILE [PATH FILE ...]
//   node megajs_client.cjs range URL EMAIL PASSWORD PATH FILE START END      END is the last byte
//   node megajs_client.cjs list|info URL EMAIL PASSWORD [PATH]
const fs = require('fs')
const { Storage } = require('megajs')

const partsOf = path => (path || '').split('/').filter(part => part)
const child = (folder, name) => (folder.children || []).find(one => one.name === name)

function find (storage, path) {
  const node = partsOf(path).reduce((folder, part) => folder && child(folder, part), storage.root)
  if (!node) throw Error('there is no ' + path)
  return node
}

async function write (storage, path, file) {
  const parts = partsOf(path)
  const name = parts.pop()
  let folder = storage.root
  for (const part of parts) folder = child(folder, part) || await folder.mkdir(part)
  await folder.upload({ name, size: fs.statSync(file).size }, fs.readFileSync(file)).complete
}

function print (node, at) {
  if (node.children) node.children.forEach(one => print(one, at + '/' + one.name))
  else console.log(at)
}

async function main ([action, url, email, password, ...rest]) {
  const storage = await new Storage({ gateway: url + '/', email, password, keepalive: false }).ready
  if (action === 'info') console.log(JSON.stringify(await storage.getAccountInfo()))
  if (action === 'list') print(find(storage, rest[0]), '')
  if (action === 'range') fs.writeFileSync(rest[1], await find(storage, rest[0]).downloadBuffer({ start: Number(rest[2]), end: Number(rest[3]) }))
  for (let i = 0; (action === 'read' || action === 'write') && i < rest.length; i += 2) {
    if (action === 'write') await write(storage, rest[i], rest[i + 1])
    else fs.writeFileSync(rest[i + 1], await find(storage, rest[i]).downloadBuffer({}))
  }
  storage.api.close()
}

main(process.argv.slice(2)).catch(error => { console.error(error); process.exit(1) })
