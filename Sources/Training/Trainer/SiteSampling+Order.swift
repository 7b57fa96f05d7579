import Torch

extension SiteSampling {
  /// Draws the order of the images of an epoch.
  ///
  /// - Parameters:
  ///   - sites: the site of each image, counted from 0.
  ///   - generator: the only source of randomness.
  /// - Returns: as many places in the list of images as there are images.
  /// - Throws: `TorchError` if memory is short.
  func order(sites: [Int], generator: Generator) throws -> [Int] {
    let order = try Tensor.randomPermutation(sites.count, generator: generator).array(of: Int.self)
    guard self == .sites else { return order }
    let queues = Dictionary(grouping: order) { sites[$0] }.sorted { $0.key < $1.key }.map(\.value)
    // The sites take turns, so every batch shows all of them. A small site begins again.
    return order.indices.map { place in
      let queue = queues[place % queues.count]
      return queue[place / queues.count % queue.count]
    }
  }
}
