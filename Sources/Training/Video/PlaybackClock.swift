import Foundation

/// A clock that paces a video; tests have one of their own.
package protocol PlaybackClock: Sendable {
  /// The time in seconds since some moment in the past.
  var now: Double { get }

  /// Waits until a time; returns at once if it is past.
  ///
  /// - Parameters:
  ///   - time: the time, by `now`.
  ///   - isCancelled: asked now and then; true ends the wait.
  func wait(until time: Double, isCancelled: () -> Bool)
}

/// The clock of the system, which no change of the date affects.
package struct SystemClock: PlaybackClock {
  /// The longest sleep before `isCancelled` is asked again, in seconds.
  private static let nap = 0.05

  /// Makes the clock.
  package init() {}

  /// The seconds since the system started.
  package var now: Double { ProcessInfo.processInfo.systemUptime }

  /// Sleeps until a time.
  package func wait(until time: Double, isCancelled: () -> Bool) {
    while !isCancelled() {
      let rest = time - now
      guard rest > 0 else { return }
      Thread.sleep(forTimeInterval: min(rest, Self.nap))
    }
  }
}
