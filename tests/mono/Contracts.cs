// The Cyan shapes as a client program declares them: member order, namespaces and nullability decide the XML.

using System;
using System.Collections.Generic;
using System.Runtime.Serialization;

static class Space
{
    public const string Rest = "http://schemas.datacontract.org/2004/07/BlueDot.Cyan.Server.Core.Models.Rest.Version1";
    public const string Messaging = "http://schemas.datacontract.org/2004/07/BlueDot.Cyan.Server.Core.Models.Messaging";
    public const string Arrays = "http://schemas.microsoft.com/2003/10/Serialization/Arrays";
    public const string Instance = "http://www.w3.org/2001/XMLSchema-instance";
    public const string Schema = "http://www.w3.org/2001/XMLSchema";
}

// Members of a base class come first in XML and last in JSON.
[DataContract(Namespace = Space.Rest)]
public abstract class Dated
{
    [DataMember] public DateTime CreatedDateUtc { get; set; }
    [DataMember] public DateTime UpdatedDateUtc { get; set; }
}

[DataContract(Namespace = Space.Rest)]
public class SyncTokenRepresentation : Dated
{
    [DataMember] public Guid SyncTokenId { get; set; }
    [DataMember] public Guid TenantId { get; set; }
    [DataMember] public Guid UserId { get; set; }
    [DataMember] public Guid UserGroupId { get; set; }
    [DataMember] public Guid DeviceId { get; set; }
    [DataMember] public Guid DeviceGroupId { get; set; }
    [DataMember] public Guid ApplicationId { get; set; }
    [DataMember] public Guid ApplicationVersionId { get; set; }
    [DataMember] public string RequestedAnchorHex { get; set; }
    [DataMember] public string CurrentDatabaseAnchorHex { get; set; }
    [DataMember] public string PushToken { get; set; }
    [DataMember] public string Options { get; set; }
}

[DataContract(Namespace = Space.Rest)]
public class NodeRefRepresentation
{
    [DataMember] public string Type { get; set; }
    [DataMember] public string Id { get; set; }
}

[DataContract(Namespace = Space.Rest)]
public class NodeRepresentation : Dated
{
    [DataMember] public Guid TenantId { get; set; }
    [DataMember] public Guid NodeId { get; set; }
    [DataMember] public string Type { get; set; }
    [DataMember] public string Id { get; set; }
    [DataMember] public string ParentType { get; set; }
    [DataMember] public string ParentId { get; set; }
    [DataMember] public string Title { get; set; }
    [DataMember] public Dictionary<string, object> Props { get; set; }
    [DataMember] public Dictionary<string, NodeRefRepresentation> Refs { get; set; }
    [DataMember] public long CyanId { get; set; }
    [DataMember] public bool SubjectToCleanup { get; set; }
}

[DataContract(Namespace = Space.Messaging)]
public class PutDataDeleteMessageBody
{
    [DataMember] public List<Guid> NodeIds { get; set; }
    [DataMember] public List<NodeRepresentation> Nodes { get; set; }
}

[DataContract(Namespace = Space.Messaging)]
public class PutDataMessageBody
{
    [DataMember] public List<NodeRepresentation> Nodes { get; set; }
}

[DataContract(Namespace = Space.Rest)]
public class MessageRepresentation : Dated
{
    [DataMember] public Guid MessageId { get; set; }
    [DataMember] public Guid TenantId { get; set; }
    [DataMember] public Guid MessageTypeId { get; set; }
    [DataMember] public string MessageTypeLookupKey { get; set; }
    [DataMember] public Guid UserId { get; set; }
    [DataMember] public Guid UserGroupId { get; set; }
    [DataMember] public Guid DeviceId { get; set; }
    [DataMember] public Guid DeviceGroupId { get; set; }
    [DataMember] public Guid ApplicationId { get; set; }
    [DataMember] public Guid ApplicationVersionId { get; set; }
    [DataMember] public Guid SenderSessionId { get; set; }
    [DataMember] public long SenderSessionSequence { get; set; }
    [DataMember] public string SenderCorrelationId { get; set; }
    [DataMember] public string SenderGroup { get; set; }
    [DataMember] public string SenderNote { get; set; }
    [DataMember] public string Body { get; set; }
    [DataMember(EmitDefaultValue = false)] public string StoreEncryptedPassword { get; set; }
    [DataMember(EmitDefaultValue = false)] public string StoreHashedPassword { get; set; }
    [DataMember] public long CyanId { get; set; }
    [DataMember] public int ResubmitCount { get; set; }
}

[DataContract(Namespace = Space.Rest)]
public class SyncNodeRepresentation
{
    [DataMember] public Guid NodeId { get; set; }
    [DataMember] public string Type { get; set; }
    [DataMember] public string Id { get; set; }
    [DataMember] public string ParentType { get; set; }
    [DataMember] public string ParentId { get; set; }
    [DataMember] public string Title { get; set; }
    [DataMember] public Dictionary<string, object> Props { get; set; }
    [DataMember] public Dictionary<string, NodeRefRepresentation> Refs { get; set; }
}

// DeletedNodeIds is this project's addition; clients that do not know it must not stumble over it.
[DataContract(Namespace = Space.Rest)]
public class SyncRepresentation
{
    [DataMember] public int PageSize { get; set; }
    [DataMember] public int PageNumber { get; set; }
    [DataMember] public int RecordCount { get; set; }
    [DataMember] public int TotalCount { get; set; }
    [DataMember] public List<SyncNodeRepresentation> Data { get; set; }
    [DataMember] public List<Guid> DeletedNodeIds { get; set; }
}

// The same as a client knows it that was written before there were deleted ids.
[DataContract(Namespace = Space.Rest, Name = "SyncRepresentation")]
public class OldSyncRepresentation
{
    [DataMember] public int PageSize { get; set; }
    [DataMember] public int PageNumber { get; set; }
    [DataMember] public int RecordCount { get; set; }
    [DataMember] public int TotalCount { get; set; }
    [DataMember] public List<SyncNodeRepresentation> Data { get; set; }
}

[DataContract(Namespace = Space.Rest)]
public class DeviceRepresentation : Dated
{
    [DataMember] public Guid DeviceId { get; set; }
    [DataMember] public Guid TenantId { get; set; }
    [DataMember] public Guid DeviceGroupId { get; set; }
    [DataMember] public string Name { get; set; }
    [DataMember] public string Description { get; set; }
}
