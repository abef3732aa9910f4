// Loaded before js-ipfs, which ends itself when a client goes away while it looks for a missing block. Kubo doesn't, so the test node must not either.
import process from 'node:process'

const fatal = ['uncaughtException', 'unhandledRejection']
const once = process.once
process.once = function (event, ...rest) {
  return fatal.includes(event) ? this : once.call(this, event, ...rest)
}
for (const event of fatal) process.on(event, (error) => console.error(event, error))
