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
    // Frames are taken so that people can annotate them.
    listing.keepsUnlabelled = true
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
    let reader = try VideoReader(video, limits: options.limits)
    let selection = try FrameSelection(reader, every: options.every, difference: options.difference)
    let limits = options.limits
    let frames = ChosenFrames(selection.taken) { try VideoReader(video, limits: limits) }
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
