/// A stand-in; the segmentation of videos replaces this file.
enum VideoPrediction {
  static func run(
    _ videos: [InputVideo], _ work: PredictCommand.Work, _ console: Console
  ) throws -> [String] {
    videos.map { "\($0.file.path): this build does not segment videos" }
  }
}
