//! How a request ends: what the client sees, and what is wrong.

use crate::api::object::{FieldRef, ObjectKey};
use crate::api::time::Duration;
use crate::api::view::Protocol;
use smol_str::SmolStr;
use std::net::{IpAddr, SocketAddr};

#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// An answer came. An HTTP error is an answer too; `cause` then says what made it, when something in the cluster did
    /// (an ingress's 404 or 503).
    Answered {
        response: Response,
        cause: Option<Failure>,
    },
    Failed(Failure),
}

impl Outcome {
    /// A 2xx or 3xx answer (or any answer of a protocol without codes).
    pub fn is_success(&self) -> bool {
        matches!(self, Outcome::Answered { response, .. } if response.status < 400)
    }

    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Outcome::Failed(failure) => Some(failure),
            Outcome::Answered { cause, .. } => cause.as_ref(),
        }
    }
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Response {
    /// The HTTP status; 0 for protocols without one.
    pub status: u16,
    pub headers: Vec<(SmolStr, SmolStr)>,
    pub body: SmolStr,
    /// The pod that answered, if a pod did.
    pub pod: Option<ObjectKey>,
    /// The address that it saw as the client's.
    pub seen_source: Option<SocketAddr>,
}

/// A failure: the symptom is what the client sees, the cause is what is wrong. Telling the two apart is what all this
/// teaches.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    pub symptom: Symptom,
    pub cause: CauseOfFailure,
    /// The fields to look at, the one to mend first.
    pub because: Vec<FieldRef>,
}

/// What the client sees.
#[derive(Clone, Debug, PartialEq)]
pub enum Symptom {
    /// curl 6: the name has no address.
    CouldNotResolve { host: SmolStr },
    /// curl 6 after a while: no DNS server answers.
    ResolveTimedOut { host: SmolStr },
    /// curl 7: RST or ICMP unreachable.
    ConnectionRefused { host: SmolStr, port: u16 },
    /// curl 28: nothing comes back.
    ConnectTimedOut { host: SmolStr, port: u16, after: Duration },
    /// curl 7: no route, host unreachable.
    NoRoute { host: SmolStr, port: u16 },
    /// curl 28 after connecting: no answer.
    NoAnswer { after: Duration },
    /// Nothing came back to a datagram, and nothing says whether it arrived.
    NoDatagram { after: Duration },
    /// curl 52 or 56: closed without an answer.
    EmptyReply,
    /// curl 60 or 35: the certificate is not trusted or TLS fails.
    Tls { problem: SmolStr },
    /// An HTTP error status.
    HttpError { status: u16 },
    /// ping: 100 % loss.
    NoEcho,
    /// curl 1: what came back is not HTTP.
    NotHttp,
    /// Nothing can be run in the client at all (`kubectl exec` fails).
    ClientCannotRun { client: SmolStr },
}

/// What is wrong. Each has a sentence in both languages and says what mends it (`trace::why`).
#[derive(Clone, Debug, PartialEq)]
pub enum CauseOfFailure {
    /// No Service, pod or outside host has this name.
    NoSuchName { name: SmolStr },
    /// The Service exists, but in another namespace than the short name means.
    ServiceInOtherNamespace { service: ObjectKey, asked_from: SmolStr },
    /// Headless and without ready endpoints: there is no record.
    HeadlessWithoutEndpoints { service: ObjectKey },
    /// No ready DNS pod.
    DnsDown,
    /// The Service does not have this port.
    ServiceLacksPort { service: ObjectKey, port: u16 },
    /// The selector matches no pod.
    SelectorMatchesNothing { service: ObjectKey },
    /// Pods match, none is ready.
    NoReadyPod { service: ObjectKey, not_ready: Vec<ObjectKey> },
    /// Pods match and are ready, but none has a container port of the named targetPort.
    NoPodHasPort { service: ObjectKey, port: SmolStr, pods: Vec<ObjectKey>, names: Vec<SmolStr> },
    /// No selector, and nobody wrote endpoints.
    NoManualEndpoints { service: ObjectKey },
    /// Endpoints exist, but their port's name is not the Service port's.
    EndpointPortNameMismatch { service: ObjectKey, port: SmolStr },
    /// Traffic policy Local, and no endpoint on this node.
    NoLocalEndpoint { service: ObjectKey, node: SmolStr, external: bool },
    /// The process in the pod listens on other ports.
    NothingListens { pod: ObjectKey, port: u16, listening: Vec<u16> },
    /// The Ingress lets only other sources in.
    IngressKeepsOut { route: ObjectKey, source: IpAddr },
    /// The client gave up before the program had its answer.
    AnswerTooLate { pod: ObjectKey },
    /// The proxy gave up before the backend's answer came.
    BackendTooSlow { route: ObjectKey, service: ObjectKey, wait: Duration },
    /// The program listens on the port, but by another protocol (`listening`) than was asked by.
    ListensByOtherProtocol { pod: ObjectKey, port: u16, listening: Protocol, asked: Protocol },
    /// It listens on 127.0.0.1 only.
    ListensOnLocalhostOnly { pod: ObjectKey, port: u16 },
    /// The client dialled a targetPort (or other port) instead of the Service's port.
    DialledTargetPort { service: ObjectKey, port: u16, right: u16 },
    /// The address is in the Service range, but no Service has it.
    NoSuchVip { address: SocketAddr },
    /// The ClusterIP was dialled from outside the cluster, where nobody routes it.
    VipFromOutside { service: ObjectKey },
    /// A pod address was dialled from outside.
    PodFromOutside { pod: Option<ObjectKey> },
    /// A VIP answers only on its ports: ping finds no rule.
    PingToVip { service: ObjectKey },
    /// No pod, node or outside host has the address.
    NobodyHasAddress { address: SocketAddr },
    /// The pod is gone, but rules or conntrack still lead there.
    StaleEndpoint { pod: SmolStr, address: SocketAddr },
    /// The node is down.
    NodeDown { node: SmolStr },
    /// The load balancer has no address yet (`<pending>`).
    LoadBalancerPending { service: ObjectKey },
    /// Not in `loadBalancerSourceRanges`.
    SourceNotAllowed { service: ObjectKey, source: SocketAddr },
    /// The load balancer finds no healthy node.
    NoHealthyNode { service: ObjectKey },
    /// An Ingress exists, but no controller.
    NoIngressController { ingress: ObjectKey },
    /// No Ingress rule matches host and path.
    NoRouteMatches { host: SmolStr, path: SmolStr },
    /// The backend Service of an Ingress or route is missing.
    BackendMissing { route: ObjectKey, service: SmolStr },
    /// The backend Service lacks the port.
    BackendPortMissing { route: ObjectKey, service: ObjectKey, port: SmolStr },
    /// The backend has no endpoints: 503.
    BackendWithoutEndpoints { route: ObjectKey, service: ObjectKey },
    /// The TLS Secret is missing or of no use.
    TlsSecretMissing { ingress: ObjectKey, secret: SmolStr },
    /// The certificate is for other names, or self-signed.
    CertificateNotTrusted { names: Vec<SmolStr> },
    /// TLS spoken to a plain port, or plain HTTP to a TLS port.
    WrongScheme { pod: Option<ObjectKey>, port: u16, expects_tls: bool },
    /// The program answered with an error of its own.
    ApplicationError { pod: ObjectKey, status: u16 },
    /// The program takes the connection and says nothing.
    ApplicationHangs { pod: ObjectKey },
    /// ExternalName: the outside name has no address.
    ExternalNameUnresolved { service: ObjectKey, target: SmolStr },
    /// ExternalName: the outside server does not know the host that the client asked for.
    ExternalHostMismatch { service: ObjectKey, target: SmolStr },
    /// The client's pod is not running.
    ClientNotRunning { client: SmolStr },
    /// A protocol mismatch: the port exists for another protocol.
    WrongProtocol { service: ObjectKey, port: u16 },
    /// Nodes do not speak this IP family.
    NoAddressOfFamily { service: ObjectKey },
    /// The name's namespace does not exist.
    NoSuchNamespace { namespace: SmolStr },
    /// The pod asks another DNS server than the cluster's (`dnsPolicy`).
    PodAsksOtherDns { pod: ObjectKey },
    /// There is no Service `kube-dns`.
    DnsServiceMissing,
    /// The configured name server does not answer (`dnsConfig`).
    NoSuchDnsServer { server: SmolStr },
    /// Names of Services mean nothing outside the cluster.
    ClusterNameFromOutside { service: ObjectKey },
    /// An Ingress serves the host, but no DNS and no `/etc/hosts` knows it.
    HostNotInDns { host: SmolStr },
    /// Through a headless Service the pod itself is dialled: no port is translated.
    HeadlessPortNotTranslated { service: ObjectKey, port: u16, right: u16 },
    /// No Service has this NodePort, and nothing on the node listens there.
    NodePortClosed { node: SmolStr, port: u16 },
    /// Nothing listens on the learner's computer: no port-forward runs.
    NothingOnComputer { port: u16 },
    /// The outside machine does not listen on the port.
    OutsideRefuses { address: SocketAddr },
    /// An outside server answers with an error of its own.
    OutsideError { host: SmolStr, status: u16 },
    /// The pod is there, but its containers do not run.
    ContainerNotRunning { pod: ObjectKey, port: u16 },
    /// Pods are ready, but the endpoint controllers have not said so yet.
    EndpointsBehind { service: ObjectKey },
    /// Endpoints are there, but kube-proxy has not written them into the node's rules yet.
    RulesBehind { service: ObjectKey, node: SmolStr },
    /// Endpoints are in the node's rules, but the scheduler of ipvs gives the connection to none of them.
    SchedulerFindsNone { service: ObjectKey, scheduler: &'static str },
    /// What listens does not speak HTTP.
    NotHttp { pod: Option<ObjectKey>, port: u16 },
    /// The program closes connections without an answer.
    ApplicationCloses { pod: ObjectKey },
    /// The answer found no way back.
    AnswerLost,
}
