// Builds what tests with a real API server need, before any test's own clock runs; at once where it is there.
import process from 'node:process'
import { findNodePrograms } from './api-server-programs.js'

const { skip } = await findNodePrograms((line) => process.stdout.write(`setup: ${line}\n`))
if (skip !== undefined) process.stdout.write(`setup: no real API server here: ${skip}\n`)
