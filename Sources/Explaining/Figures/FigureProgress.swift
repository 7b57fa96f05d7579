import Foundation

/// Counts the images that pass the models of a figure, for a progress line with time left.
final class FigureProgress: @unchecked Sendable {
  private let lock = NSLock()
  private var (figure, done, total) = ("", 0, 0)
  private var told: @Sendable (_ figure: String, _ done: Int, _ total: Int) -> Void = { _, _, _ in }

  /// Begins a figure; the number of its images is not known yet.
  func begin(
    _ figure: String, telling: @escaping @Sendable (_ figure: String, _ done: Int, _ total: Int) -> Void
  ) {
    lock.withLock { (self.figure, done, total, told) = (figure, 0, 0, telling) }
    telling(figure, 0, 0)
  }

  /// States the number of images of the figure.
  func expect(_ images: Int) { lock.withLock { total = images } }

  /// Counts images that have passed.
  func add(_ images: Int) {
    let state = lock.withLock {
      done = min(total, done + images)
      return (figure, done, total, told)
    }
    if state.2 > 0 { state.3(state.0, state.1, state.2) }
  }
}
