"""The AWS managed policies that an SES incident meets.

The quarantine documents are here whole, so that their gap is a testable fact:
they deny looking at SES and rotating keys, and they do not deny sending mail.
Versions: V2 of 2024-10-02, V3 of 2026-03-16.
"""


def _document(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _allow(*actions):
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*"}


def _deny(actions, **more):
    return {"Effect": "Deny", "Action": actions, "Resource": ["*"], **more}


_QUARANTINE_V2 = """
    amplify:CreateBackendEnvironment amplify:CreateDeployment
    bedrock:CreateFoundationModelAgreement bedrock:CreateModelInvocationJob
    bedrock:InvokeModel bedrock:InvokeModelWithResponseStream
    bedrock:PutFoundationModelEntitlement cloudtrail:LookupEvents
    codebuild:CreateProject ec2:AcceptReservedInstancesExchangeQuote
    ec2:CreateReservedInstancesListing ec2:PurchaseReservedInstancesOffering
    ec2:RequestSpotInstances ec2:RunInstances ec2:StartInstances
    ecr:GetAuthorizationToken ecs:CreateCluster ecs:CreateService
    ecs:RegisterTaskDefinition glue:CreateJob iam:AddUserToGroup
    iam:AttachGroupPolicy iam:AttachRolePolicy iam:AttachUserPolicy
    iam:ChangePassword iam:CreateAccessKey iam:CreateInstanceProfile
    iam:CreateLoginProfile iam:CreatePolicyVersion iam:CreateRole
    iam:CreateUser iam:DeleteAccessKey iam:DeleteRole iam:DetachUserPolicy
    iam:ListUsers iam:PassRole iam:PutGroupPolicy iam:PutRolePolicy
    iam:PutUserPermissionsBoundary iam:PutUserPolicy
    iam:SetDefaultPolicyVersion iam:UpdateAccessKey
    iam:UpdateAccountPasswordPolicy iam:UpdateAssumeRolePolicy
    iam:UpdateLoginProfile iam:UpdateUser lambda:AddLayerVersionPermission
    lambda:AddPermission lambda:CreateFunction lambda:GetEventSourceMapping
    lambda:GetPolicy lambda:ListTags lambda:PutProvisionedConcurrencyConfig
    lambda:TagResource lambda:UntagResource lambda:UpdateFunctionCode
    lightsail:Create* lightsail:Delete* lightsail:DownloadDefaultKeyPair
    lightsail:GetInstanceAccessDetails lightsail:Start* lightsail:Update*
    mediapackagev2:CreateChannel organizations:CreateAccount
    organizations:CreateOrganization organizations:InviteAccountToOrganization
    s3:CreateBucket s3:DeleteBucket s3:DeleteBucketPolicy s3:DeleteObject
    s3:DeleteObjectVersion s3:GetObject s3:ListAllMyBuckets s3:ListBucket
    s3:ObjectOwnerOverrideToBucketOwner s3:PutAccountPublicAccessBlock
    s3:PutBucketAcl s3:PutBucketCors s3:PutBucketOwnershipControls
    s3:PutBucketPolicy s3:PutLifecycleConfiguration
    sagemaker:CreateEndpointConfig sagemaker:CreateProcessingJob
    savingsplans:CreateSavingsPlan ses:GetSendQuota ses:ListIdentities
    sns:GetSMSAttributes sts:GetFederationToken sts:GetSessionToken
""".split()

_QUARANTINE_V3 = _QUARANTINE_V2 + """
    kms:DeleteImportedKeyMaterial kms:PutKeyPolicy kms:RetireGrant
    kms:RevokeGrant kms:ScheduleKeyDeletion logs:PutLogEvents
    organizations:AcceptHandshake organizations:LeaveOrganization
    s3:PutEncryptionConfiguration
""".split()

_QUARANTINE_V3_KEYS = """
    kms:CreateGrant
""".split()

DOCUMENTS = {
    "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2":
        ("v5", _document(_deny(_QUARANTINE_V2))),
    "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3":
        ("v3", _document(_deny(_QUARANTINE_V3), _deny(
            _QUARANTINE_V3_KEYS,
            Condition={"Null": {"kms:ViaService": "true"}}))),
    "arn:aws:iam::aws:policy/AdministratorAccess":
        ("v1", _document(_allow("*"))),
    "arn:aws:iam::aws:policy/AmazonSESFullAccess":
        ("v1", _document(_allow("ses:*"))),
    "arn:aws:iam::aws:policy/AWSDenyAll":
        ("v1", _document(_deny(["*"]))),
}
