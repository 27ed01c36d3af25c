/** Asks one question after another. What is shown is the answer to the newest one; undefined until it is there. */
export function newestAnswer<Question, Answer>(
  ask: (question: Question) => Promise<Answer>,
  show: (answer: Answer | undefined) => void
): (question: Question) => Promise<void> {
  let newest = 0
  return async (question) => {
    newest += 1
    const own = newest
    show(undefined)
    const answer = await ask(question)
    if (own === newest) show(answer)
  }
}
