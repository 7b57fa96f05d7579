import Torch

/// The training and validation images of the source sites.
public struct Split: Sendable, Equatable {
  /// Images to train on.
  public let training: [Sample]
  /// Images of the same sites to choose by.
  public let validation: [Sample]

  /// Splits each site by patient or sequence group, so that no group is on both sides.
  ///
  /// - Parameters:
  ///   - sites: the source sites; the held-out site must not be among them.
  ///   - validationShare: the share of each site's images to validate on, 0 to 1; whole groups are taken until
  ///     it is reached, and at least one group stays for training.
  ///   - seed: which groups are drawn; the same seed gives the same split.
  /// - Throws: `TorchError` when the generator fails.
  public init(sites: [Site], validationShare: Double, seed: UInt64) throws {
    var training: [Sample] = []
    var validation: [Sample] = []
    for site in sites {
      let groups = Dictionary(grouping: site.samples, by: \.group)
      let names = groups.keys.sorted()
      let order = try Tensor.randomPermutation(
        names.count, generator: Generator(seed: seed, for: "split", site.name)
      ).array(of: Int.self)
      let wanted = validationShare * Double(site.samples.count)
      var held = Set<String>()
      var count = 0
      for index in order.dropLast() where Double(count) < wanted {
        held.insert(names[index])
        count += groups[names[index]]?.count ?? 0
      }
      training += site.samples.filter { !held.contains($0.group) }
      validation += site.samples.filter { held.contains($0.group) }
    }
    self.training = training
    self.validation = validation
  }
}
