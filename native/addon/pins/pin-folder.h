/*
 * Pins: names on a bpf file system that keep maps and links alive while no process has them open. Each layout has a
 * folder; what is in it belongs together and is adopted as a whole or not at all.
 *
 *   <pin>/<layout>/map-NAME    every map of the object
 *   <pin>/<layout>/header      how a release with another layout finds the occupied slots (pin-header.h)
 *   <pin>/<layout>/link-NAME   every attached program; none while detached
 *   <pin>/<layout>-making/     maps of a process that is still making them, or was killed meanwhile
 *
 * The kernel keeps names with a dot for itself (bpf_lookup() in kernel/bpf/inode.c).
 */
#pragma once

#include <string>
#include <vector>

namespace secco {

/* The end of the name of a layout's folder while its pins are made. */
constexpr const char *unfinished_suffix = "-making";

/* PinFolder is the folder of all layouts with a lock for its one user. */
class PinFolder {
 public:
  /* Opens and locks the folder. Throws Failure; its code is EWOULDBLOCK if another process has the lock. */
  explicit PinFolder(const std::string &path);
  PinFolder(const PinFolder &) = delete;
  PinFolder &operator=(const PinFolder &) = delete;
  /* Closing the folder releases the lock, as the end of the process does. */
  ~PinFolder();

  const std::string &path() const { return path_; }
  std::string of(const std::string &layout) const { return path_ + "/" + layout; }

  /* remove_unfinished removes layouts whose maker was killed: they were never attached, so nothing is in them. */
  void remove_unfinished() const;

 private:
  std::string path_;
  int fd_ = -1;
};

/* pin_name returns KIND-NAME with characters that a pin's name may have. */
std::string pin_name(const char *kind, const char *name);

/* is_link_pin tells pins of links from pins of maps. */
bool is_link_pin(const std::string &name);

/* entries_of lists the names in a folder; empty if it cannot be read. */
std::vector<std::string> entries_of(const std::string &folder);

bool exists(const std::string &path);

/* remove_pins removes a layout's folder. Links go first, so that no program counts into maps that are half gone. */
void remove_pins(const std::string &folder);

/* mount_bpf mounts a bpf file system with the options that systemd uses (src/shared/mount-setup.c). Throws Failure. */
void mount_bpf(const std::string &folder);

}  // namespace secco
