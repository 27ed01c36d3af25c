/**
 * The most containers of a pod that Secco decides about, ephemeral ones included: their annotations come near the
 * 256 KiB that a pod may carry, and CEL near its cost limit. A node runs 110 pods by default (KubeletConfiguration
 * maxPods), so no honest pod comes near it. A larger pod that something selects is denied.
 */
export const maxContainers = 256

/** The most labels of a pod that Secco reads; a pod with more is denied. */
export const maxLabels = 1024

/**
 * The most characters of all names of a pod's images that CEL compares with the patterns of a rule: its cost grows with
 * their product, and a pod that exceeds the cost limit would be accepted. 256 names of 64 characters.
 */
export const maxImagesLength = 16 * 1024
