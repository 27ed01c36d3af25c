import process from 'node:process'

// Imported before each test file (.taprc), so that none of them hangs as cli/lib/end-when-idle.ts tells. What
// listens as well, tap itself, is heard first and may have work left: the second time there is none.
process.once('beforeExit', () => {
  setImmediate(() => undefined)
  process.once('beforeExit', () => process.exit())
})
