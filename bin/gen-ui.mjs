// webhook/ui/style/*.css and webhook/ui/browser/main.ts → webhook/ui/parts/gen/assets.ts, so that the pages need
// no files beside the program. `--check` writes nothing and ends with 1 when the generated file is old.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { buildSync, transformSync } from 'esbuild'

process.chdir(join(import.meta.dirname, '..'))
const styles = 'webhook/ui/style'
const css = readdirSync(styles)
  .sort()
  .map((name) => readFileSync(join(styles, name), 'utf8'))
  .join('\n')
const style = transformSync(css, { loader: 'css', minify: true, charset: 'utf8' }).code.trim()
const { outputFiles } = buildSync({
  entryPoints: ['webhook/ui/browser/main.ts'],
  bundle: true,
  minify: true,
  write: false,
  format: 'esm',
  target: 'es2022',
  charset: 'utf8',
  tsconfig: 'webhook/ui/browser/tsconfig.json'
})
const script = outputFiles[0].text.trim()
const text = `// Made by \`npm run gen\` (bin/gen-ui.mjs) from webhook/ui/style and webhook/ui/browser: do not edit.
export const style = ${JSON.stringify(style)}
export const script = ${JSON.stringify(script)}
`
const file = 'webhook/ui/parts/gen/assets.ts'
let before = ''
try {
  before = readFileSync(file, 'utf8')
} catch {
  // The first time there is none.
}
if (process.argv.includes('--check')) process.exitCode = before === text ? 0 : 1
else if (before !== text) writeFileSync(file, text)
