#include "addon/state/bounded-reader.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

#include "addon/state/document.h"

namespace secco {

namespace {

constexpr std::chrono::milliseconds patience{500};
/* So many threads may wait for files that never come. */
constexpr size_t left_behind_at_most = 8;

}  // namespace

/* Helper is a thread and what is asked of it. Both sides hold it. */
struct BoundedReader::Helper {
  enum class Step { idle, asked, answered, ended };

  static void run(std::shared_ptr<Helper> self);

  std::mutex mutex; /* never held while a file is read */
  std::condition_variable changed;
  Step step = Step::idle;
  std::string path;
  struct stat about = {};
  /* These belong to the thread between `asked` and `answered`, then to the other side. */
  Document document;
  std::optional<std::string_view> text;
};

void BoundedReader::Helper::run(std::shared_ptr<Helper> self) {
  for (;;) {
    std::unique_lock<std::mutex> lock(self->mutex);
    self->changed.wait(lock, [&] { return self->step == Step::asked || self->step == Step::ended; });
    if (self->step == Step::ended) return;
    lock.unlock();
    struct stat about = {};
    self->text = self->document.read(self->path, &about);
    lock.lock();
    self->about = about;
    if (self->step == Step::ended) return;
    self->step = Step::answered;
    self->changed.notify_all();
  }
}

BoundedReader::BoundedReader() = default;

BoundedReader::~BoundedReader() {
  if (helper_) left_behind_.push_back(helper_);
  for (const auto &one : left_behind_) {
    const std::lock_guard<std::mutex> lock(one->mutex);
    one->step = Helper::Step::ended;
    one->changed.notify_all();
  }
}

std::optional<std::string_view> BoundedReader::read(const std::string &path, struct stat *about) {
  bool waits = false;
  left_behind_.remove_if([&](const std::shared_ptr<Helper> &one) {
    const std::lock_guard<std::mutex> lock(one->mutex);
    if (one->step == Helper::Step::asked) {
      waits = waits || one->path == path;
      return false;
    }
    one->step = Helper::Step::ended;
    one->changed.notify_all();
    return true;
  });
  if (waits || left_behind_.size() >= left_behind_at_most) return std::nullopt;
  if (!helper_) {
    auto made = std::make_shared<Helper>();
    try {
      std::thread(Helper::run, made).detach();
    } catch (const std::system_error &) {
      return std::nullopt; /* no thread is left: the file is read later */
    }
    helper_ = std::move(made);
  }
  std::unique_lock<std::mutex> lock(helper_->mutex);
  helper_->path = path;
  helper_->step = Helper::Step::asked;
  helper_->changed.notify_all();
  const auto answered = [&] { return helper_->step == Helper::Step::answered; };
  if (!helper_->changed.wait_for(lock, patience, answered)) {
    lock.unlock();
    left_behind_.push_back(std::move(helper_));
    return std::nullopt;
  }
  *about = helper_->about;
  return helper_->text;
}

}  // namespace secco
