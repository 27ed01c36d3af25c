import type { WorkloadHistory } from '../../src/history/workload-history.js'

/**
 * `/ask NUMBER COUNT MS` makes the call NUMBER once, and is denied getsid COUNT times with pauses; 0: until SIGUSR1. It prints
 * how often, and the clock before and after the first and the last denied call, in ms.
 */
export const source = `
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
static volatile sig_atomic_t done;
static void note(int signal) { (void)signal; done = 1; }
static double now(void)
{
	struct timespec at;
	clock_gettime(CLOCK_REALTIME, &at);
	return at.tv_sec * 1e3 + at.tv_nsec / 1e6;
}
int main(int count, char **args)
{
	long most = atol(args[2]), ms = atol(args[3]), asked = 0;
	struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };
	double first[2], last[2];
	char line[256];
	signal(SIGUSR1, note);
	syscall(atol(args[1]), -1L, 0L, 0L, 0L, 0L, 0L);
	do {
		last[0] = now();
		syscall(SYS_getsid, 0);
		last[1] = now();
		if (!asked++)
			first[0] = last[0], first[1] = last[1];
		nanosleep(&pause, NULL);
	} while (most ? asked < most : !done);
	int size = snprintf(line, sizeof(line), "%ld %.3f %.3f %.3f %.3f\\n", asked,
		first[0], first[1], last[0], last[1]);
	return write(1, line, size) != size;
}
`

/** Asked is what a container did, by its own clock (ms). A pair of times has the true one between them. */
export interface Asked {
  id: string
  /** The call that it made once. */
  call: string
  count: number
  started: [number, number]
  first: [number, number]
  last: [number, number]
  ended: [number, number]
}

/** Reads the line that the program prints. */
export function readAsked(line: string): Pick<Asked, 'count' | 'first' | 'last'> {
  const [count = 0, a = 0, b = 0, c = 0, d = 0] = line.trim().split(' ').map(Number)
  return { count, first: [a, b], last: [c, d] }
}

/** Approved is a decision of a person, and between which times (ms) the command ran. */
export interface Approved {
  reason: string
  at: [number, number]
}

/** The kernel counts from the boot in steps of 10 ms, and each satellite measures when the boot was. */
const clockMs = 50

const isWithin = (time: string | undefined, [from, to]: readonly [number, number]): boolean =>
  time !== undefined && Date.parse(time) >= from - clockMs && Date.parse(time) <= to + clockMs

type Named = readonly [what: string, time: string | undefined, truth: readonly [number, number]]

const wrongTimes = (times: readonly Named[]): string[] =>
  times
    .filter(([, time, truth]) => !isWithin(time, truth))
    .map(([what, time, truth]) => {
      const [from, to] = truth.map((ms) => new Date(ms).toISOString())
      return `${what} ${String(time)}, not within ${String(from)} to ${String(to)}`
    })

/** Returns what the history of a container has wrong: its start and end, its call, its denials. */
export function wrongHistory(asked: Asked, history: WorkloadHistory): string[] {
  const [start, ...starts] = history.starts
  const [denial, ...denials] = history.denials
  if (start === undefined || starts.length > 0) return [`${history.starts.length} starts`]
  if (denial === undefined || denials.length > 0) return [`${history.denials.length} denials`]
  const calls = history.calls.filter(({ names }) => names.includes(asked.call))
  const { ended, endedAfter } = start
  return [
    ...wrongTimes([
      ['started', start.at, [asked.started[0], asked.first[1]]],
      ['first denial', denial.first, asked.first],
      ['last denial', denial.last, asked.last],
      ...calls.map(({ at }): Named => ['call', at, [asked.started[0], asked.ended[1]]])
    ]),
    // An end that nobody saw is between two times.
    ...(endedAfter === undefined
      ? wrongTimes([['ended', ended, [asked.last[1], asked.ended[1]]]])
      : wrongTimes([
          ['ended after', endedAfter, [asked.started[0], asked.ended[1]]],
          ['ended before', ended, [asked.last[1], Infinity]]
        ])),
    ...(start.complete ? [] : ['not recorded from its first instruction']),
    ...(denial.syscall === 'getsid' ? [] : [`${denial.syscall} denied`]),
    ...(denial.count === asked.count ? [] : [`${denial.count} denials, not ${asked.count}`]),
    ...(calls.length === 1 ? [] : [`${asked.call} ${calls.length} times for the first time`])
  ]
}

/** Returns what a list of approvals has wrong: each decision is in it once, with its time. */
export function wrongApprovals(
  decisions: readonly Approved[],
  listed: readonly { at: string; reason?: string | undefined }[]
): string[] {
  return decisions.flatMap(({ reason, at }) => {
    const own = listed.filter((one) => one.reason?.endsWith(reason) === true)
    if (own.length !== 1) return [`${reason}: ${own.length} times`]
    return wrongTimes([[reason, own[0]?.at, at]])
  })
}
