import Segmentation
import Torch

/// The rows of a step's batch that this process computes, and their places in the whole batch.
///
/// An intervened image belongs to the process of its observed partner.
struct BatchShare: Sendable {
  /// The rows of observed images.
  let observed: OwnRows
  /// The rows of intervened images, counted from 0.
  let intervened: OwnRows
  /// The source site of each row of the whole batch, counted from 0.
  let sites: [Int]

  /// Whether the share is the whole batch.
  var isAll: Bool { observed.areAll }
  /// The number of rows of the whole batch.
  var count: Int { observed.all + intervened.all }
  /// The rows of observed images in the whole batch.
  var observedRows: [Int] { Array(0..<observed.all) }

  /// The rows of this process in the whole batch, in its own order.
  var rows: [Int] { observed.indices + intervened.indices.map { observed.all + $0 } }

  /// The place of each row of the whole batch among the rows of all processes in their order.
  var places: [Int] {
    func count(_ rows: OwnRows, _ process: Int) -> Int {
      OwnRows(of: rows.all, rank: process, processes: rows.processes).indices.count
    }
    var starts = [0]
    for process in 0..<observed.processes {
      starts.append(starts[process] + count(observed, process) + count(intervened, process))
    }
    let processes = observed.processes
    let own = (0..<observed.all).map { starts[$0 % processes] + $0 / processes }
    let others = (0..<intervened.all).map {
      starts[$0 % processes] + count(observed, $0 % processes) + $0 / processes
    }
    return own + others
  }

  /// The pairs of the whole batch, with the strengths of all processes.
  ///
  /// - Parameters:
  ///   - own: the pairs of this process.
  ///   - processes: the processes.
  /// - Returns: the pairs; nil without interventions.
  /// - Throws: the error of the group if a process has ended.
  func pairs(_ own: InterventionPairs?, _ processes: Processes) throws -> InterventionPairs? {
    guard let own, let group = processes.others else { return own }
    let order = try Tensor(intervened.places)
    func all(_ tensor: Tensor) throws -> Tensor {
      try group.gathered(rows: tensor).indexed(order.to(tensor.device))
    }
    return InterventionPairs(
      intervened: Array(observed.all..<count), partners: Array(0..<intervened.all),
      applied: try all(own.applied), moved: try all(own.moved.to(.uint8)).to(.bool))
  }
}

extension BatchShare {
  /// Makes the share of a process.
  ///
  /// - Parameters:
  ///   - processes: the processes.
  ///   - sites: the source site of each observed image of the whole batch.
  ///   - interventions: the number of images with an intervention, which are the first ones.
  init(_ processes: Processes, sites: [Int], interventions: Int) {
    let observed = OwnRows(of: sites.count, processes)
    self.init(
      observed: observed, intervened: observed.first(interventions),
      sites: sites + sites.prefix(interventions))
  }
}
