import Foundation
import Imaging
import Storage

/// Videos, whose frames are taken by interval or by difference, for annotation.
///
/// Each video is a group, so that its frames stay on one side of a split. The frames have no masks. Black,
/// repeated and damaged frames are never taken.
package enum VideoSource: SourceReader {
  package static let name = "video"
  package static let summary = "frames of videos, every some seconds or where the picture changes"

  /// The interval without `--every` and `--difference`, in seconds.
  package static let interval = 1.0
  /// A frame's number is filled up to this many digits.
  private static let digits = 6

  package static func recognises(_ source: URL) -> Bool {
    switch FileSystem.kind(of: source) {
    case .file: VideoReader.isVideo(source)
    case .folder:
      ((try? FileSystem.contents(of: source)) ?? []).prefix(8).contains(where: VideoReader.isVideo)
    case .other, nil: false
    }
  }

  package static func listing(_ source: URL, options: ImportOptions) throws -> ImportListing {
    if let every = options.every, !(every > 0) {
      throw ImportError.option("--every", reason: "a number of seconds above 0 is needed")
    }
    if let least = options.difference, !(least > 0 && least <= 1) {
      throw ImportError.option("--difference", reason: "a number above 0, at most 1, is needed")
    }
    var listing = ImportListing()
    let isFolder = FileSystem.kind(of: source) == .folder
    var videos: [URL] = []
    for file in isFolder ? try FileSystem.contents(of: source) : [source] {
      if !isFolder || VideoReader.isVideo(file) {
        videos.append(file)
      } else if !file.lastPathComponent.hasPrefix(".") {
        listing.leftOut.append(.init(file: file.lastPathComponent, reason: "no video"))
      }
    }
    var stems = DistinctStems(videos.map(\.lastPathComponent))
    for video in videos {
      options.progress?("looking at \(video.lastPathComponent)")
      try add(video, stem: stems.next(video.lastPathComponent), options, to: &listing)
    }
    guard !listing.items.isEmpty else {
      throw ImportError.nothing(
        source, kind: name, reason: videos.isEmpty ? "there is no video" : "no frame was taken")
    }
    listing.notes.append(
      "the frames have no masks; annotate them, and import the annotations with their format's kind")
    return listing
  }

  private static func add(
    _ video: URL, stem: String, _ options: ImportOptions, to listing: inout ImportListing
  ) throws {
    let reader = try VideoReader(video)
    let selection = try FrameSelection(reader, every: options.every, difference: options.difference)
    let frames = SequentialFrames(until: selection.taken.last) { try VideoReader(video) }
    for index in selection.taken {
      let number = String(index)
      let padded = String(repeating: "0", count: max(0, digits - number.count)) + number
      listing.items.append(
        ImportItem(
          stem: "\(stem)-\(padded)",
          image: .frame(of: video, name: "frame \(index)") { try frames.image(index, of: video) },
          mask: .missing, group: stem))
    }
    listing.notes.append(
      "\(video.lastPathComponent): \(selection.taken.count) of \(counted(selection.frames, "frame")) taken")
    if selection.taken.isEmpty {
      listing.leftOut.append(
        .init(file: video.lastPathComponent, reason: "every frame is black, repeated or damaged"))
    }
  }
}

/// The frames of a video that are taken.
///
/// A frame is taken if enough seconds have passed since the last one, and its layout differs enough from
/// that one: the mean difference between 16×16 parts of the picture.
package struct FrameSelection {
  /// The numbers of the frames that are taken.
  package private(set) var taken: [Int] = []
  /// The number of all frames.
  package private(set) var frames = 0

  /// Reads a video and chooses its frames.
  ///
  /// - Parameters:
  ///   - source: the video, from its start; afterwards it is at its end.
  ///   - every: the least number of seconds between frames.
  ///   - difference: the least difference between frames, from 0 to 1.
  /// - Throws: an error that names the video.
  package init(_ source: any FrameSource, every: Double?, difference: Double?) throws {
    let every = every ?? (difference == nil ? VideoSource.interval : 0)
    var judge = FrameJudge()
    var last: (time: Double, measures: FrameMeasures)?
    // Frames are due at multiples of the interval, so that a skipped one does not move those after it.
    var due = -Double.infinity
    while let frame = try source.next() {
      frames += 1
      let found = try judge.judge(frame, frame.image.rgb.tensor)
      guard let measures = found.measures, !frame.isDamaged else { continue }
      guard let before = last else {
        take(frame, measures, &last)
        due = frame.time + every
        continue
      }
      // Timestamps are rounded to the time base.
      guard frame.time >= due - 1e-6 else { continue }
      if let difference, measures.layoutDistance(to: before.measures) < difference { continue }
      take(frame, measures, &last)
      due = every > 0 ? due + every * ((frame.time - due) / every + 1e-6).rounded(.down) + every : frame.time
    }
  }

  private mutating func take(
    _ frame: VideoFrame, _ measures: FrameMeasures, _ last: inout (time: Double, measures: FrameMeasures)?
  ) {
    taken.append(frame.index)
    last = (frame.time, measures)
  }
}

/// Frames of a video by number, quick in rising order.
///
/// It reads on from the last frame. For an earlier one it opens the video again.
package final class SequentialFrames {
  private let open: () throws -> any FrameSource
  private var source: (any FrameSource)?
  private var last: VideoFrame?
  private let final: Int?

  /// Makes a value; nothing is opened yet.
  ///
  /// - Parameters:
  ///   - final: the last frame that is needed, after which the video is closed.
  ///   - open: opens the video.
  package init(until final: Int? = nil, open: @escaping () throws -> any FrameSource) {
    (self.final, self.open) = (final, open)
  }

  /// Reads a frame.
  ///
  /// - Parameters:
  ///   - index: the number of the frame, from 0.
  ///   - video: the file, for messages.
  /// - Returns: the picture.
  /// - Throws: an error that names the video.
  package func image(_ index: Int, of video: URL) throws -> Image {
    if let last, last.index == index { return last.image }
    if source == nil || (last?.index ?? -1) > index { (source, last) = (try open(), nil) }
    while let frame = try source?.next() {
      last = frame
      guard frame.index == index else { continue }
      if index == final { (source, last) = (nil, nil) }
      return frame.image
    }
    (source, last) = (nil, nil)
    throw ImportError.malformed(video, reason: "has no frame \(index) any more; import it again")
  }
}
