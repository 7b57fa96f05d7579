import Foundation
import Storage
import Training

extension ReviewFolder {
  /// Finds the review that the folder holds.
  ///
  /// Files of items that a call does not name are removed at its end. So a folder of somebody else's
  /// `images` is no review, unless a call that has not ended marked it (`begin`).
  ///
  /// - Parameter run: the name of the run; nil for a folder of predictions.
  /// - Returns: its ID and its time; nil for a new folder.
  /// - Throws: `ReviewError.folderInUse` for a review of another run and for other files.
  package func identity(of run: String?) throws -> (id: String, created: String)? {
    guard FileSystem.kind(of: documentFile) != nil else {
      let isBegun = FileSystem.kind(of: unfinishedFile) == .file
      let parts = isBegun ? Self.parts + ["queue.js", unfinishedFile.lastPathComponent] : []
      let own = Set(parts + ["decisions", FolderLock.fileName])
      let names = FileSystem.kind(of: url) == nil ? [] : try FileSystem.entries(of: url).map(\.name)
      if let other = names.first(where: { !own.contains($0) }) {
        throw ReviewError.folderInUse(url, holds: NativePath.shown(other))
      }
      return nil
    }
    let document = try ReviewScript.read(documentFile, calling: .review, as: ReviewDocument.self)
    guard document.run?.name == run else {
      throw ReviewError.folderInUse(
        url, holds: "the review of \(document.run?.name ?? "a folder of predictions")")
    }
    return (document.id, document.created)
  }

  /// Marks a new folder, so that a later call may go on in it.
  ///
  /// - Throws: `FileError` that names the file.
  package func begin() throws {
    guard FileSystem.kind(of: documentFile) == nil, FileSystem.kind(of: unfinishedFile) == nil else { return }
    try FileManager.default.createFolder(url)
    let text = "mcdrl review has not written all of this folder yet.\n"
    try AtomicFile.write(Data(text.utf8), to: unfinishedFile)
  }
}

extension ReviewMaker {
  /// Chooses the rows that are queued, and marks the confident controls.
  package func select(_ rows: [ReviewQueue.Row], _ settings: Settings) -> [ReviewQueue.Row] {
    ReviewSelection.choose(
      rows, limit: settings.limit, controls: settings.controls, seed: settings.seed)
  }

  /// The whole of a review before it is written.
  package struct Whole {
    /// The rows, in the order of the inputs.
    package var rows: [ReviewQueue.Row]
    /// The names of the sites of the rows, in their order; nil where it is not known.
    package var sites: [String?]
    /// The videos, with their IDs.
    package var videos: [(id: String, video: ReviewedVideo)]
    /// The run.
    package var run: ReviewDocument.Origin?
    /// The lesion classes to choose from.
    package var classes: [String]
    /// The title.
    package var title: String

    /// Makes a value from its parts.
    package init(
      rows: [ReviewQueue.Row], sites: [String?], videos: [(id: String, video: ReviewedVideo)],
      run: ReviewDocument.Origin?, classes: [String], title: String
    ) {
      (self.rows, self.sites, self.videos, self.run) = (rows, sites, videos, run)
      (self.classes, self.title) = (classes, title)
    }
  }
}

extension ReviewFolder {
  /// Writes the queue, the description and the page, and removes files of items that are no longer there.
  ///
  /// - Parameters:
  ///   - whole: the review.
  ///   - layers: the layers of masks.
  ///   - threshold: the probability from which a pixel is lesion; nil where it is not one number.
  ///   - identity: the ID and the time of the review that the folder holds; nil for a new one.
  /// - Returns: the description.
  /// - Throws: `FileError` that names the file.
  package func finish(
    _ whole: ReviewMaker.Whole, layers: [String], threshold: Double?, identity: (id: String, created: String)?
  ) throws -> ReviewDocument {
    let names = Set(whole.sites.compactMap { $0 }).sorted()
    let places = Dictionary(names.enumerated().map { ($1, $0) }) { first, _ in first }
    var rows = whole.rows
    for (index, site) in whole.sites.enumerated() where rows.indices.contains(index) {
      rows[index].site = site.flatMap { places[$0] }
    }
    let heldOut = Set(whole.run?.heldOut ?? [])
    let document = ReviewDocument(
      id: identity?.id ?? Self.newID(), title: whole.title, created: identity?.created ?? Self.now(),
      run: whole.run, layers: layers, classes: whole.classes,
      sites: names.map { ReviewDocument.Site(name: $0, heldOut: heldOut.contains($0)) },
      thresholds: layers.map { _ in threshold },
      videos: whole.videos.map { id, video in
        ReviewDocument.Video(
          id: id, file: video.file, site: nil, width: video.width, height: video.height,
          frames: video.frames.count, duration: video.duration)
      }, items: rows.count, controls: rows.count(where: \.isControl))
    try ReviewScript.write(ReviewQueue(rows), calling: .queue, to: queueFile)
    try ReviewScript.write(document, calling: .review, to: documentFile)
    try AtomicFile.write(Data(ReviewPage.html.utf8), to: pageFile)
    try removeStale(items: Set(rows.map(\.id)), videos: Set(whole.videos.map(\.id)))
    _ = unfinishedFile.withNativePath { unlink($0) }
    return document
  }

  /// The endings of the files in each folder.
  private static let endings = [
    "items": ["js"], "images": ["png", "jpg"], "thumbnails": ["jpg"], "videos": ["js"] + ReviewFrames.endings,
  ]

  /// Removes files of items and videos that the queue does not name.
  private func removeStale(items: Set<String>, videos: Set<String>) throws {
    for part in Self.parts {
      let place = url.appendingPathComponent(part)
      let ids = part == "videos" ? videos : items
      for file in try FileSystem.contents(of: place) {
        let words = file.lastPathComponent.split(
          separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard words.count == 2, Self.endings[part]?.contains(String(words[1])) == true,
          ReviewID.isValid(words[0]), !ids.contains(String(words[0]))
        else { continue }
        guard file.withNativePath({ unlink($0) }) == 0 else {
          throw FileError.cannotWrite(file, reason: FileError.systemReason())
        }
      }
    }
  }

  private static func newID() -> String {
    var generator = SystemRandomNumberGenerator()
    return String(format: "%016lx%016lx", generator.next() as UInt64, generator.next() as UInt64)
  }

  static func now() -> String { Date().formatted(Date.ISO8601FormatStyle()) }
}
