// The text of a table of measured programs: lists of names become `words` of a few lines.
/** Returns the names as lines of at most 116 characters. */
function lines(names) {
  const text = names.join(' ')
  return text.replace(/(.{1,108})(?: |$)/g, '      $1\n')
}

/** Returns the source text of `measured`, an object of programs with lists of names, after a head. */
export function measuredFile(head, measured, lists) {
  const programs = Object.entries(measured).map(([program, facts]) => {
    const names = lists.map((list) => `    ${list}: words(\`\n${lines(facts[list])}    \`)`)
    const source = `    source: ${JSON.stringify(facts.source)}`
    return `  ${JSON.stringify(program)}: {\n${[source, ...names].join(',\n')}\n  }`
  })
  return `${head}\nexport const measured = {\n${programs.join(',\n')}\n}\n`
}
